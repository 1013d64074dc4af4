// The simulation's own random generator: xoshiro256** 1.0 (Blackman and Vigna,
// "Scrambled linear pseudorandom number generators", 2018), seeded by splitmix64
// as its authors advise. Its state is part of the world: hashed and snapshotted.
#pragma once

#include <array>
#include <bit>

#include "base/types.hpp"
#include "world/fixed.hpp"

namespace drumline::world {

class Rng {
 public:
  using State = std::array<u64, 4>;

  explicit constexpr Rng(u64 seed) {
    for (u64& word : state_) {
      seed += 0x9E37'79B9'7F4A'7C15;
      u64 mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xBF58'476D'1CE4'E5B9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94D0'49BB'1331'11EB;
      word = mixed ^ (mixed >> 31);
    }
  }

  constexpr u64 next_u64() {
    const u64 result = std::rotl(state_[1] * 5, 7) * 9;
    const u64 shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Every value of [0, bound) equally likely; bound 0 gives 0. Multiplication
  /// with rejection (Lemire, "Fast random integer generation in an interval", 2019).
  constexpr u64 below(u64 bound) {
    if (bound == 0) return 0;
    u128 product = u128{next_u64()} * bound;
    if (static_cast<u64>(product) < bound) {
      const u64 threshold = (u64{0} - bound) % bound;
      while (static_cast<u64>(product) < threshold) product = u128{next_u64()} * bound;
    }
    return static_cast<u64>(product >> 64);
  }

  /// A value of [0, bound); bound must be above 0.
  constexpr Fixed below(Fixed bound) {
    return Fixed::from_raw(static_cast<i64>(below(static_cast<u64>(bound.raw < 0 ? 0 : bound.raw))));
  }

  const State& state() const { return state_; }
  /// False, and no change, for the all-zero state, which the generator cannot leave.
  constexpr bool set_state(const State& state) {
    if ((state[0] | state[1] | state[2] | state[3]) == 0) return false;
    state_ = state;
    return true;
  }

 private:
  State state_{};
};

}  // namespace drumline::world
