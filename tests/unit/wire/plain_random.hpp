// A small repeatable source of numbers for the tests of this folder.
#pragma once

#include "base/types.hpp"

namespace drumline::test {

class PlainRandom {
 public:
  explicit PlainRandom(u64 seed) : state_(seed) {}
  u64 next() {
    state_ += 0x9E37'79B9'7F4A'7C15U;
    u64 z = state_;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9U;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBU;
    return z ^ (z >> 31);
  }
  u32 below(u32 limit) { return static_cast<u32>(next() % limit); }

 private:
  u64 state_;
};

}  // namespace drumline::test
