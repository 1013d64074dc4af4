// Randomness, borrowed from the world. The simulation itself has its own
// generator (world/rng.hpp), which is part of its state.
#pragma once

#include "base/types.hpp"

namespace drumline::env {

class Random {
 public:
  virtual ~Random() = default;
  /// Fills all of `out`. The system source is fit for keys.
  virtual void fill(MutableBytes out) = 0;
  u64 next_u64() {
    u64 value = 0;
    fill({reinterpret_cast<std::byte*>(&value), sizeof value});
    return value;
  }
};

/// getrandom(2). Any thread.
class SystemRandom final : public Random {
 public:
  void fill(MutableBytes out) override;
};

/// The same bytes for the same seed, for tests and the simulator. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(u64 seed) : state_(seed) {}
  void fill(MutableBytes out) override;

 private:
  u64 state_;
};

}  // namespace drumline::env
