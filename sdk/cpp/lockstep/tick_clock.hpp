// Which tick a client would just be hearing of if every frame came as fast as the
// fastest: a steady clock out of frames that jitter.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace drumline::lockstep {

/// Follows the least delayed frames of the last one to two seconds, so that it neither
/// wavers with the jitter nor stays wrong when the way or the server gets slower.
class TickClock {
 public:
  /// A frame came whose newest tick is `newest`.
  void note(Tick newest, TimeNs now);

  bool running() const { return base_ns_.has_value(); }
  /// The newest tick that could be here by `now`. Only when running.
  Tick tick_at(TimeNs now) const;
  /// When that is `tick`.
  TimeNs time_of(Tick tick) const;

 private:
  static constexpr i64 kWindowNs = kSecondNs;

  std::optional<TimeNs> base_ns_;  ///< when tick 0 would have been heard
  std::optional<TimeNs> before_;   ///< the least of the window before
  TimeNs least_ = 0;               ///< … of this one
  TimeNs window_end_ = 0;
};

}  // namespace drumline::lockstep
