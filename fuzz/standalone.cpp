// Runs a target without libFuzzer: its seeds, then mutations of them and of one another, from a fixed
// seed, so many as DRUMLINE_FUZZ_RUNS says (100,000). An input that ends the process is left in
// ./fuzz-last-input: give that file to the target to see it again.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include <unistd.h>

#include "fuzz.hpp"

namespace drumline::fuzz {
namespace {

constexpr std::size_t kLongestInput = 4096;

void mutate(Input& input, const std::vector<Input>& all, std::mt19937& random) {
  constexpr unsigned kEdges[] = {0, 1, 0x7F, 0x80, 0xFF};
  const auto at = [&] { return random() % input.size(); };
  for (u32 change = 0; change <= random() % 4; ++change) {
    if (input.empty()) input.resize(1 + random() % 64);
    switch (random() % 7) {
      case 0:
        input[at()] ^= std::byte(1U << (random() % 8));
        break;
      case 1:
        input[at()] = std::byte(random());
        break;
      case 2:
        input[at()] = std::byte(kEdges[random() % std::size(kEdges)]);
        break;
      case 3:
        input.resize(random() % (input.size() + 1));
        break;
      case 4: {  // some of it again, elsewhere
        const std::size_t from = at();
        const std::size_t size = std::min<std::size_t>(1 + random() % 64, input.size() - from);
        const Input piece(input.begin() + static_cast<std::ptrdiff_t>(from),
                          input.begin() + static_cast<std::ptrdiff_t>(from + size));
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at()), piece.begin(), piece.end());
        break;
      }
      case 5: {  // the end of another
        const Input& other = all[random() % all.size()];
        if (other.empty()) break;
        const std::size_t from = random() % other.size();
        input.resize(at());
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
      }
      default: {  // some of it gone
        const std::size_t from = at();
        const std::size_t size = std::min<std::size_t>(1 + random() % 16, input.size() - from);
        input.erase(input.begin() + static_cast<std::ptrdiff_t>(from),
                    input.begin() + static_cast<std::ptrdiff_t>(from + size));
      }
    }
  }
  if (input.size() > kLongestInput) input.resize(kLongestInput);
}

Input current;

void leave_input(int signal) {
  if (std::FILE* file = std::fopen("fuzz-last-input", "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

int run_file(const char* name) {
  std::ifstream file(name, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", name);
    return 1;
  }
  run(as_bytes(text));
  return 0;
}

int run_many() {
  const std::vector<Input> all = seeds();
  if (all.empty()) {
    std::fprintf(stderr, "a target without seeds tests nothing\n");
    return 1;
  }
  const char* const wanted = std::getenv("DRUMLINE_FUZZ_RUNS");
  const u64 runs = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100'000;
  for (const Input& seed : all) {
    current = seed;
    run(current);
  }
  std::mt19937 random(1);
  for (u64 i = 0; i < runs; ++i) {
    current = all[random() % all.size()];
    mutate(current, all, random);
    run(current);
  }
  std::printf("%zu seeds, %llu mutations\n", all.size(), static_cast<unsigned long long>(runs));
  return 0;
}

}  // namespace
}  // namespace drumline::fuzz

int main(int count, char** arguments) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE})
    std::signal(signal, drumline::fuzz::leave_input);
  if (count == 2) return drumline::fuzz::run_file(arguments[1]);
  return drumline::fuzz::run_many();
}
