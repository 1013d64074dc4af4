// A duel between seats 0 and 1 for tests, and what its players do.
#pragma once

#include <gtest/gtest.h>

#include "battle/battle.hpp"
#include "duel/duel.hpp"
#include "duel_view/duel_view.hpp"
#include "world/rng.hpp"

namespace drumline::lockstep::testing {

inline battle::BattleInfo duel_info(u64 seed = 1) {
  battle::BattleInfo info;
  info.id = BattleId{7};
  info.epoch = Epoch{1};
  info.game = "duel";
  info.rules_document = std::string(duel::duel_game().default_rules());
  info.seed = seed;
  info.max_players = 2;
  info.build = "test";
  info.sync.model = world::SyncModel::lockstep;
  return info;
}

/// Both are seated at tick 1; the fight begins about tick 100.
inline std::unique_ptr<battle::Battle> duel_of_two(u32 ticks = 1) {
  auto made = battle::Battle::create(duel::duel_game(), duel_info()).value();
  std::vector<battle::Input> joins(2);
  for (battle::Input& join : joins) join.kind = battle::InputKind::join;
  EXPECT_EQ(made->step(joins).accepted.size(), 2U);
  while (made->tick() < ticks) made->step({});
  return made;
}
inline constexpr u32 kFightTicks = 120;  ///< by then they fight

inline world::Command walk(u32 sequence, i32 direction) {
  world::Command command;
  command.sequence = sequence;
  command.action = world::Action::move;
  command.x = direction * duel::kDirectionLimit;
  return command;
}
inline battle::Input input_of(u32 player, const world::Command& command) {
  battle::Input input;
  input.player = PlayerSlot{player};
  input.command = command;
  return input;
}

/// Something that a player might do, without a sequence.
inline world::Command random_command(world::Rng& rng) {
  world::Command command;
  const u64 choice = rng.below(u64{10});
  command.x = (static_cast<i32>(rng.below(u64{3})) - 1) * duel::kDirectionLimit;
  command.action = choice < 6   ? world::Action::move
                   : choice < 8 ? world::Action::attack
                                : world::Action::skill;
  if (choice == 0) command.y = -duel::kDirectionLimit;
  if (choice == 1) command.y = duel::kDirectionLimit;
  command.skill = static_cast<u8>(rng.below(u64{duel::kSkillCount}));
  return command;
}

}  // namespace drumline::lockstep::testing
