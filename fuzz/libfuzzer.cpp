// Between libFuzzer and a target. `--write-seeds FOLDER` writes the target's seeds and ends.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  if (*count != 3 || std::strcmp((*arguments)[1], "--write-seeds") != 0) return 0;
  int number = 0;
  for (const auto& seed : drumline::fuzz::seeds()) {
    std::ofstream file(std::string((*arguments)[2]) + "/seed-" + std::to_string(number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    if (!file.flush()) {
      std::fprintf(stderr, "the seeds cannot be written to %s\n", (*arguments)[2]);
      std::exit(1);
    }
  }
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  drumline::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
