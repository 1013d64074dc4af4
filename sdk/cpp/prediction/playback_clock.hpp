// Which moment of the battle to show of others: so far back that the states on both
// sides of it are here, and no further. Sans-I/O.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace drumline::prediction {

struct PlaybackOptions {
  i64 min_delay_ns = 32 * kMillisecondNs;
  i64 max_delay_ns = 400 * kMillisecondNs;
  /// Further off than this it jumps (forwards only); otherwise it runs a tenth faster or slower.
  i64 jump_ns = 500 * kMillisecondNs;
};

/// The delay is the time between two states plus four times the variation of how late
/// they come (smoothed as in RFC 6298, section 2). Times of the battle are its ticks in
/// nanoseconds.
class PlaybackClock {
 public:
  explicit PlaybackClock(const PlaybackOptions& options = {}) : options_(options) {}

  /// A state of `tick` came. Older ones than the newest are passed over.
  void note(Tick tick, TimeNs now);
  /// The moment to show at `now`. Never runs back; 0 before the first state. `now` does not fall.
  TimeNs advance(TimeNs now);
  /// For Command::view_tick: the tick that is shown, as of the last advance().
  Tick view_tick() const { return static_cast<Tick>(shown_ns_) / static_cast<Tick>(kTickNs); }
  i64 delay_ns() const;

 private:
  static constexpr i64 kWindowNs = 2 * kSecondNs;

  PlaybackOptions options_;
  bool running_ = false;
  Tick newest_ = 0;
  i64 interval_ns_ = 0;   ///< between states, smoothed
  i64 lateness_ns_ = 0;   ///< of states, smoothed; arrival less battle time
  i64 variation_ns_ = 0;  ///< of it
  bool started_ = false;
  TimeNs shown_ns_ = 0;
  TimeNs last_now_ = 0;
};

}  // namespace drumline::prediction
