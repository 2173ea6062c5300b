// Judges messages from standard input, for tests/it/signatures.rs, as ../../python/tests/judge.py does.
#include <iostream>
#include <sstream>

#include "../visaged.hpp"

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    const std::vector<std::string> arguments(argv, argv + argc);
    visaged::Verifier verifier(arguments[1], arguments[3] == "same-host", 500'000, arguments[2]);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line + ' ');  // each word ends in a space, an empty one too
        std::int64_t now = 0;
        words >> now;
        words.get();
        visaged::Frames frames;
        for (std::string word; std::getline(words, word, ' ');)
            frames.push_back(visaged::Verifier::bytes(word));
        visaged::Message message;
        const char* why = verifier.refuse(frames, now, message);
        std::cout << (why ? why : "accepted") << std::endl;
    }
}
