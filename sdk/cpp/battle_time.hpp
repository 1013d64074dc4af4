// Time as the battle's ticks pass: it runs slower than the clock while the server dilates time.
#pragma once

#include "base/types.hpp"
#include "world/sync_model.hpp"

namespace drumline::client {

/// What LockstepClient and FrameSyncClient want as `now`: to them a tick always takes kTickNs.
/// Never falls while the clock does not. One thread.
class BattleTime {
 public:
  /// From `now` on ticks take `percent` of their normal length (world::is_pace).
  void set_pace(u32 percent, TimeNs now) {
    base_ = at(now);
    since_ = now;
    percent_ = percent;
  }
  TimeNs at(TimeNs now) const { return base_ + (now - since_) * world::kNormalPacePercent / percent_; }
  /// The moment of the clock that is `time` of the battle, if the pace stays.
  TimeNs clock_of(TimeNs time) const {
    return since_ + (time - base_) * percent_ / world::kNormalPacePercent;
  }
  /// A span of clock time, a round trip for one, as time of the battle.
  i64 span(i64 clock_ns) const { return clock_ns * world::kNormalPacePercent / percent_; }

  u32 pace_percent() const { return percent_; }

 private:
  TimeNs base_ = 0;
  TimeNs since_ = 0;
  u32 percent_ = world::kNormalPacePercent;
};

}  // namespace drumline::client
