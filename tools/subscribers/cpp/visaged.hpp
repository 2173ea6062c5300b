// Receives and checks what the visaged daemon publishes (encoding = "json"). Header only, C++17, on
// cppzmq and libsodium: g++ -std=c++17 example.cpp -lzmq -lsodium. See ../README.md for what the
// fields mean; the payload is given as JSON text for the JSON library of your choice.
#pragma once

#include <sodium.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace visaged {

inline std::int64_t now_us(clockid_t clock = CLOCK_MONOTONIC) {
    timespec t{};
    clock_gettime(clock, &t);
    return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000;
}

struct Message {
    std::string topic, boot_id, payload;
    std::int64_t seq = 0, recorded_us = 0, published_us = 0, stale_after_ms = 0;
    bool valid = false;  // the payload is an answer; act on it while it is fresh

    // Of a recording, which has a time line of its own, age counts from publishing.
    bool is_fresh(std::int64_t now = now_us()) const {
        const auto delay = published_us - recorded_us;
        const auto since = delay >= 0 && delay < 10'000'000 ? recorded_us : published_us;
        return now - since <= stale_after_ms * 1000 && boot_id != "replay";
    }
};

using Frames = std::vector<std::string>;

// All frames of the next message; none if nothing comes within the socket's `rcvtimeo`.
inline Frames receive(zmq::socket_t& socket) {
    Frames frames;
    zmq::message_t part;
    do {
        if (!socket.recv(part)) return {};
        frames.push_back(part.to_string());
    } while (part.more());
    return frames;
}

// Fills `message`; false if the frames are none of schema v1. The header is one flat JSON object.
inline bool parse(const Frames& frames, Message& message) {
    if (frames.size() < 3 || frames.size() > 4 || frames[0].rfind("v1/", 0) != 0) return false;
    const auto value = [&](const char* key) {
        const std::string mark = std::string("\"") + key + "\":";
        const auto at = frames[1].find(mark);
        return at == std::string::npos ? nullptr : frames[1].c_str() + at + mark.size();
    };
    const auto number = [&](const char* key, std::int64_t& out) {
        const char* text = value(key);
        return text && std::from_chars(text, frames[1].c_str() + frames[1].size(), out).ec == std::errc{};
    };
    const char *boot = value("boot_id"), *valid = value("valid");
    std::int64_t schema = 0;
    if (!boot || !valid || *boot++ != '"' || !number("schema", schema) || schema != 1) return false;
    message.topic = frames[0];
    message.payload = frames[2];
    message.boot_id.assign(boot, std::find(boot, frames[1].c_str() + frames[1].size(), '"'));
    message.valid = *valid == 't';
    return number("seq", message.seq) && number("recorded_us", message.recorded_us) &&
           number("published_us", message.published_us) && number("stale_after_ms", message.stale_after_ms);
}

// The same judgement as visaged_client/verify.py, whose comment says what it can and cannot do.
class Verifier {
  public:
    // `key` as `visaged keygen --show` prints it; `machine` is the boot id, by default of this one.
    explicit Verifier(const std::string& key, bool same_host = true, std::int64_t window_us = 500'000,
                      std::optional<std::string> machine = {})
        : same_host_(same_host), window_us_(window_us) {
        if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
        key_ = bytes(key);
        if (key_.size() != crypto_sign_PUBLICKEYBYTES) throw std::invalid_argument("not a key");
        std::ifstream file("/proc/sys/kernel/random/boot_id");
        if (!machine) std::getline(file, machine.emplace());
        machine_ = bytes(*machine);
    }

    // Fills `message` and gives nullptr, or one word that says why it is not to be believed.
    const char* refuse(const Frames& frames, std::int64_t now, Message& message) {
        if (frames.size() != 4) return "unsigned";
        const std::string& seal = frames[3];
        if (seal.size() != 33 + crypto_sign_BYTES) return "bad-signature";
        unsigned char digest[crypto_hash_sha256_BYTES];
        crypto_hash_sha256(digest, data(key_), key_.size());
        if (seal[0] != 1 || seal.compare(1, 8, reinterpret_cast<char*>(digest), 8) != 0)
            return "unknown-key";
        std::string text = "visaged message 1" + seal.substr(0, 33);
        for (int i = 0; i < 3; ++i) {
            for (int shift = 24; shift >= 0; shift -= 8) text += char(frames[i].size() >> shift);
            text += frames[i];
        }
        const std::string signature = seal.substr(33);
        if (crypto_sign_verify_detached(data(signature), data(text), text.size(), data(key_)) != 0)
            return "bad-signature";
        if (!parse(frames, message)) return "bad-message";
        if (same_host_ && seal.compare(9, 16, machine_) != 0) return "other-boot";
        std::uint64_t unix_us = 0;
        for (int i = 25; i < 33; ++i) unix_us = unix_us << 8 | static_cast<unsigned char>(seal[i]);
        const auto said = same_host_ ? message.published_us : static_cast<std::int64_t>(unix_us);
        if (now - said > window_us_) return "delayed";
        if (now - said < (same_host_ ? 0 : -window_us_)) return "from-the-future";
        if (message.boot_id != boot_id_) {
            if (said <= newest_us_) return "replayed";  // a restarted daemon is younger
            newest_.clear();
        }
        const auto newest = newest_.find(message.topic);
        if (newest != newest_.end() && message.seq <= newest->second)
            return message.seq == newest->second ? "replayed" : "reordered";
        newest_[message.topic] = message.seq;
        boot_id_ = message.boot_id;
        newest_us_ = std::max(newest_us_, said);
        return nullptr;
    }

    std::int64_t now() const { return now_us(same_host_ ? CLOCK_MONOTONIC : CLOCK_REALTIME); }

    static std::string bytes(const std::string& hex) {
        std::string out(hex.size() / 2, '\0');
        std::size_t n = 0;
        auto* to = reinterpret_cast<unsigned char*>(out.data());
        sodium_hex2bin(to, out.size(), hex.data(), hex.size(), "- ", &n, nullptr);
        return out.substr(0, n);
    }

  private:
    static const unsigned char* data(const std::string& s) {
        return reinterpret_cast<const unsigned char*>(s.data());
    }
    bool same_host_;
    std::int64_t window_us_, newest_us_ = -1;
    std::string key_, machine_, boot_id_;
    std::map<std::string, std::int64_t> newest_;
};

}  // namespace visaged
