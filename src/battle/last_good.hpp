// The way back to a battle's last good tick: a snapshot of not long ago and the inputs
// since. From it a battle whose rules have failed is made anew, on another thread.
#pragma once

#include <vector>

#include "battle/battle.hpp"

namespace drumline::battle {

/// One thread. Allocates until it has seen its largest state, then no more.
class LastGood {
 public:
  /// A snapshot is taken anew after so many ticks, at turns by battle.
  static constexpr Tick kSnapshotPeriodTicks = 64;

  /// What was kept: enough to make the battle again.
  struct Way {
    std::vector<std::byte> snapshot;
    std::vector<std::byte> ticks;  ///< u32 size, then a journal's tick payload; of each tick since
    Tick tick = 0;                 ///< to which it leads
    u64 state_hash = 0;
  };

  /// After a tick that was good. `tick_payload` as journaled.
  void note(const Battle& battle, Bytes tick_payload);
  /// Where the battle stands before its first tick here.
  void begin(const Battle& battle);

  const Way& way() const { return way_; }

 private:
  Way way_;
};

/// The battle at the end of the way; an error when its state hash is not the one noted.
Result<std::unique_ptr<Battle>> go_back(const world::Game& game, BattleInfo info, const LastGood::Way& way);

}  // namespace drumline::battle
