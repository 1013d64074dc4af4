// How many ticks ahead a client in lockstep places its commands, so that they come to
// the server in time and are felt no later than they must be.
#pragma once

#include <array>
#include <optional>

#include "base/types.hpp"

namespace drumline::lockstep {

struct InputDelayOptions {
  /// Bounds of the delay, min_ticks <= max_ticks (asserted). A server holds a command for 32 ticks at most.
  u32 min_ticks = 1;
  u32 max_ticks = 24;
  u32 start_ticks = 8;          ///< until something was measured
  u32 target_margin_ticks = 1;  ///< how early a command is to come
  /// The delay falls only after so long a time in which every command came at least
  /// spare_ticks earlier than it had to; one tick a time. When it has to rise after a fall
  /// the time doubles, up to most_calm_ns; from its third fall in a row on it is halved again.
  /// This is the hysteresis: a way with rare delays is not tried out over and over, and one
  /// that got longer for a while is soon as it was.
  i64 calm_ns = 2 * kSecondNs;
  i64 most_calm_ns = 32 * kSecondNs;
  u32 spare_ticks = 2;
};

/// The delay counts from the newest tick that can have been heard of (TickClock) to the
/// one in which a command is to be applied. It has two sources:
///
/// - The round trip, smoothed with its variation (the jitter) as TCP does (RFC 6298,
///   section 2): the delay starts at their sum and does not fall below it, and rises when
///   it grows by two ticks. Of the last five samples the two least are looked at: a Ping
///   goes over the reliable channel, where what was lost is waited for, and commands never
///   wait.
/// - The server says by how many ticks the commands came early: one report below the
///   target adds a tick, the next one in a row all that is lacking. Reports on commands
///   that were sent before the last change are passed over.
///
/// What comes late all the same is the server's to place: in the tick that is next for
/// it, up to 32 ticks late; then it is refused.
class InputDelay {
 public:
  explicit InputDelay(const InputDelayOptions& options);

  u32 ticks() const { return ticks_; }
  i64 round_trip_ns() const { return round_trip_ns_; }
  i64 variation_ns() const { return variation_ns_; }
  u64 changes() const { return changes_; }

  void on_round_trip(i64 sample_ns, TimeNs now);
  void on_margin(int margin_ticks, TimeNs now);

 private:
  u32 floor_ticks() const;
  void set(i64 ticks, TimeNs now);

  InputDelayOptions options_;
  u32 ticks_;
  u64 changes_ = 0;
  static constexpr std::size_t kRecent = 5;
  std::array<i64, kRecent> recent_{};  ///< samples, the newest over the oldest
  u64 heard_ = 0;                      ///< … ever
  i64 round_trip_ns_ = 0;              ///< smoothed; 0: not measured
  i64 variation_ns_ = 0;
  TimeNs settled_at_ = 0;     ///< earlier reports are of commands with another delay
  bool rose_ = false;         ///< for a late command, since it last fell
  u32 falls_ = 0;             ///< since it last rose for one
  bool late_before_ = false;  ///< the last report was below the target
  i64 calm_ns_;               ///< how long it must be now
  TimeNs calm_since_ = 0;
  std::optional<int> least_;  ///< margin since then
};

}  // namespace drumline::lockstep
