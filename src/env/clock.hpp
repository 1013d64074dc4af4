// Time, borrowed from the world: real here, simulated in tests and the simulator.
#pragma once

#include "base/types.hpp"

namespace drumline::env {

/// Both methods may be called from any thread and never allocate.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic nanoseconds from an arbitrary zero; never goes back.
  virtual TimeNs now() const = 0;
  /// Wall time, nanoseconds since 1970; may jump.
  virtual TimeNs wall_now() const = 0;
};

/// CLOCK_MONOTONIC and CLOCK_REALTIME.
class SystemClock final : public Clock {
 public:
  TimeNs now() const override;
  TimeNs wall_now() const override;
};

/// Stands still until it is moved. For one thread.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(TimeNs now = 0, TimeNs wall_now = 0) : now_(now), wall_now_(wall_now) {}
  TimeNs now() const override { return now_; }
  TimeNs wall_now() const override { return wall_now_; }
  void advance(i64 by_ns) {
    now_ += by_ns;
    wall_now_ += by_ns;
  }
  void jump_wall(i64 by_ns) { wall_now_ += by_ns; }

 private:
  TimeNs now_;
  TimeNs wall_now_;
};

}  // namespace drumline::env
