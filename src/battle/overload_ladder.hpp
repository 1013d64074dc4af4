// What a node gives up, and in which order, under more load than there is processor time:
// a state machine out of how late ticks and frames are. Sans-I/O.
#pragma once

#include <array>
#include <atomic>
#include <string>

#include "base/types.hpp"
#include "battle/input.hpp"

namespace drumline::battle {

/// Each includes those below it.
enum class Rung : u8 {
  normal = 0,
  lower_tiers = 1,       ///< far cells are sent less often
  smaller_interest = 2,  ///< players see less far, and are sent to less often
  no_joins = 3,          ///< nobody new is seated; who was seated comes back
  dilation = 4,          ///< ticks take longer
};
inline constexpr u32 kRungs = 5;
/// In a few words, for logs and pages.
const char* rung_name(Rung rung);

/// By Rung: whether it is used. The normal one always is.
using AllowedRungs = std::array<bool, kRungs>;
inline constexpr AllowedRungs kAllRungs{true, true, true, true, true};

/// What the ladder says, for all threads of a node.
struct OverloadState {
  AllowedRungs allowed = kAllRungs;  ///< does not change once threads run
  std::atomic<Rung> rung{Rung::normal};
  std::atomic<u32> pace_percent{world::kNormalPacePercent};
  u32 retry_after_ms = 5000;  ///< for who is refused on Rung::no_joins; does not change either
};

struct OverloadSettings {
  i64 lateness_bound_ns = 4 * kMillisecondNs;   ///< of a tick's start
  i64 delivery_bound_ns = 16 * kMillisecondNs;  ///< from a tick's end to its last datagram
  i64 climb_after_ns = kSecondNs / 2;           ///< of overload
  i64 descend_after_ns = 3 * kSecondNs;         ///< of calm; longer after each time that it was too early
  AllowedRungs allowed = kAllRungs;
  u32 max_pace_percent = 400;
};

/// How one kind of things did since the last look.
struct Punctuality {
  u64 count = 0;
  u64 late = 0;  ///< beyond the bound
  u64 near = 0;  ///< beyond half of it, the late ones included
};
struct LoadSample {
  Punctuality ticks;
  Punctuality frames;
  bool time_lost = false;  ///< a battle thread was so far behind that its schedule was moved
};

/// One thread.
class OverloadLadder {
 public:
  explicit OverloadLadder(const OverloadSettings& settings);

  /// Takes in what happened since the last look, a fraction of a second ago. True when the rung
  /// or the pace is another one now.
  bool look(const LoadSample& sample, TimeNs now);

  Rung rung() const { return steps_[place_].rung; }
  u32 pace_percent() const { return steps_[place_].pace_percent; }
  /// Why it last climbed.
  const std::string& reason() const { return reason_; }

 private:
  struct Step {
    Rung rung = Rung::normal;
    u32 pace_percent = world::kNormalPacePercent;
  };
  static constexpr u32 kMaxSteps = 16;

  void add_step(Step step);
  void climb(const LoadSample& sample, TimeNs now);
  void descend(TimeNs now);

  OverloadSettings settings_;
  std::array<Step, kMaxSteps> steps_{};
  u32 step_count_ = 0;
  u32 place_ = 0;
  std::string reason_;
  TimeNs overloaded_since_ = 0;  ///< 0: it is not
  TimeNs calm_since_ = 0;        ///< 0: it is not
  TimeNs descended_at_ = 0;      ///< and did not climb since; 0: otherwise
  i64 patience_ns_;              ///< of calm before the next step down
};

}  // namespace drumline::battle
