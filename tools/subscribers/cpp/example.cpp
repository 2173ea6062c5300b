// Prints what visaged publishes and counts what is missing, stale or refused.
//
//     g++ -std=c++17 -O2 example.cpp -o example -lzmq -lsodium
//     ./example tcp://127.0.0.1:5556 v1/identity/ 100          # 100 messages, signatures not looked at
//     ./example ipc:///run/visaged/pub.sock v1/ 0 PUBLIC_KEY   # for ever, only what is signed
#include <iostream>

#include "visaged.hpp"

int main(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "usage: " << argv[0] << " ENDPOINT TOPIC COUNT [PUBLIC_KEY]\n";
        return 2;
    }
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::sub);
    socket.set(zmq::sockopt::subscribe, argv[2]);
    socket.set(zmq::sockopt::rcvtimeo, 10'000);
    socket.set(zmq::sockopt::heartbeat_ivl, 500);
    socket.set(zmq::sockopt::heartbeat_timeout, 2000);
    socket.connect(argv[1]);

    std::optional<visaged::Verifier> verifier;
    if (argc > 4) verifier.emplace(argv[4]);
    std::map<std::string, std::int64_t> next;  // sequence number by daemon's boot and topic
    std::int64_t seen = 0, lost = 0, stale = 0, refused = 0;
    for (const auto count = std::atoll(argv[3]); count == 0 || seen < count;) {
        const auto frames = visaged::receive(socket);
        if (frames.empty()) break;  // silence: nothing that was said before holds any more
        visaged::Message message;
        const char* why = !verifier ? (visaged::parse(frames, message) ? nullptr : "bad-message")
                                    : verifier->refuse(frames, verifier->now(), message);
        if (why) {
            std::cerr << "refused: " << why << '\n';
            ++refused;
            continue;
        }
        auto& expected = next.try_emplace(message.boot_id + message.topic, message.seq).first->second;
        lost += message.seq - expected;
        expected = message.seq + 1;
        stale += message.is_fresh() ? 0 : 1;
        std::cout << message.topic << ' ' << message.payload << '\n';
        ++seen;
    }
    std::cerr << seen << " messages, " << lost << " lost, " << stale << " stale, " << refused
              << " refused\n";
    return seen > 0 ? 0 : 1;
}
