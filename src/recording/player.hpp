// Plays a history: any tick's state from the nearest state kept before it, by stepping.
#pragma once

#include <functional>
#include <memory>

#include "recording/history.hpp"
#include "world/rules.hpp"

namespace drumline::recording {

/// The rules module of that name, or null.
using GameLookup = std::function<const world::Game*(std::string_view name)>;

/// One tick as played. The outcome holds until the next one.
struct PlayedTick {
  battle::TickOutcome outcome;
  u64 recorded_hash = 0;
  /// What is not as it was recorded: battle, tick and hashes, or the inputs refused.
  std::optional<Error> difference;
};

/// One thread. The history must outlive it and may not be used by another player meanwhile.
class Player {
 public:
  Player(History& history, const world::Game& game) : history_(history), game_(game) {}

  /// Goes to the end of `tick`, of [first_tick(), last_tick()]: from the nearest kept state
  /// that can be restored, or from where it stands when that is nearer. Differences on the
  /// way do not stop it: see difference().
  Result<void> seek(Tick tick);
  /// Goes to the kept state of `tick`, one of stored_ticks(), and no further.
  Result<void> begin_at(Tick tick);
  /// Plays the next tick; not_found after the last.
  Result<PlayedTick> next(battle::StepObserver* observer = nullptr);

  /// Null before the first seek.
  const battle::Battle* battle() const { return battle_.get(); }
  std::unique_ptr<battle::Battle> take_battle() { return std::move(battle_); }
  /// Where the state that it stands in was taken up.
  Tick began_at() const { return began_at_; }
  /// The first tick since then that was not played as recorded.
  const std::optional<Error>& difference() const { return difference_; }
  Tick difference_tick() const { return difference_tick_; }
  /// The inputs of the last tick that was read.
  std::span<const battle::Input> inputs() const { return tick_.inputs; }
  /// Kept states that could not be used, and why.
  const std::vector<Error>& passed_over() const { return passed_over_; }

 private:
  History& history_;
  const world::Game& game_;
  std::unique_ptr<battle::Battle> battle_;
  battle::TickRecord tick_;
  Tick began_at_ = 0;
  std::optional<Error> difference_;
  Tick difference_tick_ = 0;
  std::vector<Error> passed_over_;
};

}  // namespace drumline::recording
