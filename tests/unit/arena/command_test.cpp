#include "arena_battle.hpp"

namespace drumline::arena::testing {
namespace {

TEST(arena_command, a_move_runs_at_the_rules_speed_until_stopped) {
  Battle battle;
  battle.join_at(0, 20, 20);
  ASSERT_TRUE(battle.give(0, Action::move, kFull, 0).accepted());
  EXPECT_TRUE(battle.flags(0) & kFlagMoving);
  const i64 start = battle.x(0);
  battle.step(62);
  // 6 units a second for 62 ticks of 16 ms.
  EXPECT_NEAR(static_cast<double>(battle.x(0) - start) / 65536, 6.0 * 62 * 0.016, 0.01);
  EXPECT_EQ(battle.y(0), Fixed::from_int(20).raw);
  ASSERT_TRUE(battle.give(0, Action::move, 0, 0).accepted());
  EXPECT_FALSE(battle.flags(0) & kFlagMoving);
  const i64 stopped = battle.x(0);
  battle.step(5);
  EXPECT_EQ(battle.x(0), stopped);
}

TEST(arena_command, faster_than_the_rules_is_refused) {
  Battle battle;
  battle.join_at(0, 20, 20);
  EXPECT_EQ(battle.give(0, Action::move, kFull, kFull), world::kRefusedTooFast);
  EXPECT_EQ(battle.give(0, Action::move, 40'000, 0), world::kRefusedTooFast);
  EXPECT_EQ(battle.give(0, Action::move, INT32_MIN, INT32_MIN), world::kRefusedTooFast);
  EXPECT_TRUE(battle.give(0, Action::move, 23'170, 23'170).accepted()) << "the diagonal at full speed";
}

TEST(arena_command, another_ones_entity_is_refused) {
  Battle battle;
  battle.join(0);
  battle.join(1);
  Command command;
  command.action = Action::move;
  command.entity = battle.id(1);
  EXPECT_EQ(battle.give(0, command), world::kRefusedNotYours);
  command.entity = EntityId{};
  EXPECT_EQ(battle.give(0, command), world::kRefusedNotYours);
  command.entity = EntityId{~u64{0}};
  EXPECT_EQ(battle.give(0, command), world::kRefusedNotYours);
  EXPECT_EQ(battle.rules->check(PlayerSlot{5}, command), world::kRefusedNoSeat);
}

TEST(arena_command, unknown_actions_and_skills_are_refused) {
  Battle battle;
  battle.join(0);
  EXPECT_EQ(battle.give(0, Action::none), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.give(0, static_cast<Action>(77)), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.use(0, 3).code, kRefusedUnknownSkill);
  EXPECT_EQ(battle.rules->refusal_name(battle.use(0, 255)), "unknown_skill");
}

TEST(arena_command, melee_checks_target_range_protection_and_cooldown) {
  Battle battle;
  battle.join_at(0, 20, 20);
  battle.join_at(1, 22, 20);
  battle.join_at(2, 23, 20);
  EXPECT_EQ(battle.hit(0, 2), world::kRefusedOutOfRange);
  EXPECT_EQ(battle.hit(0, 0), world::kRefusedBadTarget) << "oneself";
  EXPECT_EQ(battle.give(0, Action::attack, 0, 0, make_entity_id(1, 1, 0)), world::kRefusedBadTarget);
  EXPECT_EQ(battle.give(0, Action::attack, 0, 0, make_entity_id(0, 9, 1)), world::kRefusedBadTarget);
  battle.players.at<&Player::flags>(battle.row(1)) = kFlagProtected;
  EXPECT_EQ(battle.hit(0, 1).code, kRefusedTargetProtected);
  battle.players.at<&Player::flags>(battle.row(1)) = 0;
  EXPECT_TRUE(battle.hit(0, 1).accepted());
  EXPECT_EQ(battle.hit(0, 1), world::kRefusedCooldown);
  battle.step(31);
  EXPECT_EQ(battle.hit(0, 1), world::kRefusedCooldown);
  battle.step();
  EXPECT_TRUE(battle.hit(0, 1).accepted()) << "500 ms are 32 ticks";
}

TEST(arena_command, directions_are_checked) {
  Battle battle;
  battle.join_at(0, 20, 20);
  EXPECT_EQ(battle.give(0, Action::attack, 0, 0).code, kRefusedNoDirection);
  EXPECT_EQ(battle.give(0, Action::attack, 99'999, 0).code, kRefusedBadDirection);
  EXPECT_EQ(battle.give(0, Action::turn, 0, 0).code, kRefusedNoDirection);
  EXPECT_EQ(battle.give(0, Action::turn, 0, -40'000).code, kRefusedBadDirection);
  EXPECT_EQ(battle.use(0, kSkillDash, 40'000, 0).code, kRefusedBadDirection);
  EXPECT_TRUE(battle.give(0, Action::turn, 0, 5).accepted());
  EXPECT_EQ(battle.players.at<&Player::heading>(battle.row(0)), 0x4000);
}

TEST(arena_command, the_dead_do_nothing) {
  Battle battle;
  battle.join_at(0, 20, 20);
  battle.players.at<&Player::flags>(battle.row(0)) = kFlagDead;
  battle.players.at<&Player::phase_until>(battle.row(0)) = 1'000;
  EXPECT_EQ(battle.give(0, Action::move, 1, 1), world::kRefusedDead);
  EXPECT_EQ(battle.use(0, kSkillBlast), world::kRefusedDead);
}

TEST(arena_command, skills_have_cooldowns_of_their_own) {
  Battle battle;
  battle.join_at(0, 20, 20);
  for (const u8 skill : {kSkillDash, kSkillWard, kSkillBlast}) {
    EXPECT_TRUE(battle.use(0, skill, kFull, 0).accepted());
    EXPECT_EQ(battle.use(0, skill, kFull, 0), world::kRefusedCooldown);
  }
  battle.step(250);
  EXPECT_TRUE(battle.use(0, kSkillDash).accepted());
  EXPECT_EQ(battle.use(0, kSkillWard), world::kRefusedCooldown);
}

TEST(arena_command, check_changes_nothing) {
  Battle battle(8, "");
  battle.join(0);
  battle.join(1);
  const u64 before = battle.hash();
  for (int action = 0; action < 6; ++action) {
    Command command;
    command.action = static_cast<Action>(action);
    command.entity = battle.id(0);
    command.target = battle.id(1);
    command.x = 5;
    static_cast<void>(battle.rules->check(PlayerSlot{0}, command));
  }
  EXPECT_EQ(battle.hash(), before);
}

}  // namespace
}  // namespace drumline::arena::testing
