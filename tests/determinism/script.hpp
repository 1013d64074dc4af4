// A battle and a script that plays it: joins, leaves, drops, commands good and bad,
// all drawn from integers, so that every build offers the same inputs.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "battle/battle.hpp"
#include "world/rng.hpp"

namespace drumline::determinism {

class ScriptedBattle {
 public:
  /// `seed` is the battle's and its script's.
  static Result<std::unique_ptr<ScriptedBattle>> create(const world::Game& game, u64 seed);

  /// When the battle is over, puts a new one in its place; true if it did.
  bool renew();
  /// Offers the battle a tick's inputs.
  void step();

  const battle::Battle& battle() const { return *battle_; }
  /// What the last step was offered, in order of arrival.
  std::span<const battle::Input> offered() const { return offered_; }
  /// Of all steps.
  u64 accepted() const { return accepted_; }
  u64 events() const { return events_; }

 private:
  ScriptedBattle(const world::Game& game, std::unique_ptr<battle::Battle> battle, u64 seed);
  void offer(PlayerSlot player);
  void offer_commands(PlayerSlot player);
  world::Command make_command(PlayerSlot player);

  const world::Game& game_;
  std::unique_ptr<battle::Battle> battle_;
  world::Rng rng_;
  std::vector<u32> sequences_;  ///< by seat: of the last command offered
  std::array<std::byte, 24> message_{};
  std::vector<battle::Input> offered_;
  u64 accepted_ = 0;
  u64 events_ = 0;
};

}  // namespace drumline::determinism
