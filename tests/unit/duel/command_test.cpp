#include "duel_battle.hpp"

namespace drumline::duel::testing {
namespace {

TEST(duel_command, a_walk_goes_on_at_the_rules_speed_until_stopped) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.move(0, -kFull).accepted());
  const i64 start = battle.x(0);
  battle.step(50);
  EXPECT_NEAR(start - battle.x(0), 3'600 * 50 * 16 / 1'000, 5);
  EXPECT_EQ(battle.stance(0), Stance::walk);
  ASSERT_TRUE(battle.move(0, kStickThreshold).accepted()) << "a little is nothing";
  battle.step();
  const i64 stopped = battle.x(0);
  battle.step(5);
  EXPECT_EQ(battle.x(0), stopped);
  EXPECT_EQ(battle.stance(0), Stance::idle);
}

TEST(duel_command, the_stage_has_ends) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.move(0, -kFull).accepted());
  ASSERT_TRUE(battle.move(1, kFull).accepted());
  battle.step(500);
  EXPECT_EQ(battle.x(0), 399) << "half a body from the edge, rounded down";
  EXPECT_EQ(battle.x(1), 15'600);
}

TEST(duel_command, bodies_do_not_pass_through_each_other) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.move(0, kFull).accepted());
  battle.step(300);
  EXPECT_NEAR(battle.x(1) - battle.x(0), 800, 2);
  EXPECT_GT(battle.x(1), 15'000) << "pushed to the edge";
}

TEST(duel_command, a_jump_leads_over_the_other_and_both_turn_round) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'500);
  ASSERT_TRUE(battle.move(0, kFull, kFull).accepted());
  battle.step();
  EXPECT_EQ(battle.stance(0), Stance::jump);
  EXPECT_EQ(battle.move(0, 0, kFull).code, kRefusedInTheAir);
  Fixed highest;
  for (int i = 0; i < 60; ++i) {
    battle.step();
    highest = max(highest, battle.fighter(0).y);
  }
  EXPECT_GT(highest, Fixed::from_int(2));
  EXPECT_EQ(battle.fighter(0).y.raw, 0);
  EXPECT_GT(battle.x(0), battle.x(1));
  EXPECT_TRUE(battle.fighter(0).flags & kFlagFacesLeft);
  EXPECT_FALSE(battle.fighter(1).flags & kFlagFacesLeft);
}

TEST(duel_command, who_guards_turns_only_when_told) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.guard(1).accepted());
  battle.step(2);
  EXPECT_EQ(battle.stance(1), Stance::guard);
  EXPECT_TRUE(battle.fighter(1).flags & kFlagFacesLeft);
  battle.change(0, [](Fighter& f) { f.x = Fixed::from_int(14); });
  battle.step(5);
  EXPECT_TRUE(battle.fighter(1).flags & kFlagFacesLeft) << "the other stands behind";
  ASSERT_TRUE(battle.give(1, Action::turn, 1).accepted());
  battle.step(5);
  EXPECT_FALSE(battle.fighter(1).flags & kFlagFacesLeft);
}

TEST(duel_command, a_dash_is_fast_and_short_and_goes_where_told) {
  Battle battle;
  battle.begin();
  const i64 start = battle.x(0);
  ASSERT_TRUE(battle.use(0, kSkillDash, -1).accepted());
  battle.step(20);
  EXPECT_NEAR(start - battle.x(0), 13'000 * 9 * 16 / 1'000, 10);
  EXPECT_TRUE(battle.use(0, kSkillDash).accepted());
  battle.step(20);
  EXPECT_NEAR(battle.x(0), start, 20) << "ahead, when no direction is given";
}

TEST(duel_command, another_ones_fighter_is_refused) {
  Battle battle;
  battle.begin();
  Command command;
  command.action = Action::move;
  for (const EntityId entity : {battle.id(1), EntityId{}, EntityId{~u64{0}}}) {
    command.entity = entity;
    EXPECT_EQ(battle.give(0, command), world::kRefusedNotYours);
  }
  EXPECT_EQ(battle.rules->check(PlayerSlot{5}, command), world::kRefusedNoSeat);
}

TEST(duel_command, what_there_is_not_is_refused) {
  Battle battle;
  battle.begin();
  EXPECT_EQ(battle.give(0, Action::none), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.give(0, static_cast<Action>(77)), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.use(0, kSkillCount).code, kRefusedUnknownSkill);
  EXPECT_EQ(battle.rules->refusal_name(battle.use(0, static_cast<Skill>(255))), "unknown_skill");
  EXPECT_EQ(battle.give(0, Action::turn, 0, 5).code, kRefusedNoDirection);
  EXPECT_EQ(battle.move(0, 40'000), world::kRefusedTooFast);
  EXPECT_EQ(battle.move(0, 0, INT32_MIN), world::kRefusedTooFast);
}

TEST(duel_command, an_attack_may_name_the_other_and_nothing_else) {
  Battle battle;
  battle.begin();
  const auto at = [&](EntityId target) { return battle.give(0, Action::attack, 0, 0, 0, target); };
  EXPECT_EQ(at(battle.id(0)), world::kRefusedBadTarget) << "oneself";
  EXPECT_EQ(at(make_entity_id(kMatchTable, 1, 0)), world::kRefusedBadTarget);
  EXPECT_EQ(at(make_entity_id(kFighterTable, 9, 1)), world::kRefusedBadTarget);
  EXPECT_TRUE(at(battle.id(1)).accepted());
}

TEST(duel_command, one_action_waits_and_only_near_the_end_of_the_one_before) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.light(0).accepted());
  EXPECT_EQ(battle.light(0), world::kRefusedTooFast) << "one is waiting";
  battle.step();
  EXPECT_EQ(battle.stance(0), Stance::light);
  EXPECT_EQ(battle.light(0), world::kRefusedCooldown);
  battle.step(6);
  EXPECT_EQ(battle.light(0), world::kRefusedCooldown);
  battle.step();
  EXPECT_TRUE(battle.use(0, kSkillHeavy).accepted()) << "the last 7 of 14 ticks";
  battle.step(6);
  EXPECT_EQ(battle.stance(0), Stance::light);
  battle.step();
  EXPECT_EQ(battle.stance(0), Stance::heavy);
}

TEST(duel_command, nobody_acts_outside_the_fight_but_may_hold_a_direction) {
  Battle battle;
  ASSERT_TRUE(battle.join(0).accepted());
  EXPECT_EQ(battle.light(0).code, kRefusedRoundNotOn);
  ASSERT_TRUE(battle.join(1).accepted());
  battle.step();
  EXPECT_EQ(battle.phase(), Phase::intro);
  EXPECT_EQ(battle.use(0, kSkillDash).code, kRefusedRoundNotOn);
  EXPECT_EQ(battle.move(0, 0, kFull).code, kRefusedRoundNotOn);
  EXPECT_TRUE(battle.move(0, -kFull).accepted());
  const i64 start = battle.x(0);
  battle.step(50);
  EXPECT_EQ(battle.x(0), start);
  battle.step_until(Phase::fight);
  battle.step(5);
  EXPECT_LT(battle.x(0), start);
}

TEST(duel_command, the_knocked_out_do_nothing) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  battle.set_health(1, 1);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(6);
  ASSERT_EQ(battle.stance(1), Stance::out);
  EXPECT_EQ(battle.light(1), world::kRefusedDead);
  EXPECT_EQ(battle.move(1, 0, kFull), world::kRefusedDead);
  EXPECT_EQ(battle.give(1, Action::turn, 1), world::kRefusedDead);
  EXPECT_TRUE(battle.move(1, kFull).accepted()) << "for the next round";
}

TEST(duel_command, a_special_takes_meter_and_the_ground_and_one_is_in_flight_at_a_time) {
  Battle battle;
  battle.begin();
  battle.set_meter(0, 29);
  EXPECT_EQ(battle.use(0, kSkillSpecial).code, kRefusedNoMeter);
  battle.set_meter(0, 70);
  ASSERT_TRUE(battle.move(0, 0, kFull).accepted());
  battle.step();
  EXPECT_EQ(battle.use(0, kSkillSpecial).code, kRefusedInTheAir);
  EXPECT_EQ(battle.use(0, kSkillThrow).code, kRefusedInTheAir);
  battle.step(60);
  ASSERT_TRUE(battle.use(0, kSkillSpecial).accepted());
  battle.step(30);
  EXPECT_EQ(battle.fighter(0).meter, 40);
  ASSERT_EQ(battle.projectiles.live_count(), 1u);
  EXPECT_EQ(battle.use(0, kSkillSpecial), world::kRefusedCooldown);
}

TEST(duel_command, a_hit_breaks_what_was_begun_and_what_was_queued) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(4);
  ASSERT_TRUE(battle.use(1, kSkillHeavy).accepted()) << "the blow comes with the next tick";
  battle.step(1);
  EXPECT_EQ(battle.stance(1), Stance::hit);
  battle.step(13);
  EXPECT_EQ(battle.stance(1), Stance::idle);

  battle.place_apart(1'000);
  ASSERT_TRUE(battle.light(0).accepted());
  ASSERT_TRUE(battle.use(1, kSkillDash).accepted());
  battle.step(1);
  battle.change(1, [](Fighter& f) { f.velocity_x = 0; });
  battle.step(3);
  battle.change(1, [](Fighter& f) { f.stance_ticks = 9; });
  ASSERT_TRUE(battle.use(1, kSkillHeavy).accepted());
  battle.step(1);
  EXPECT_EQ(battle.stance(1), Stance::hit);
  EXPECT_EQ(battle.fighter(1).queued, static_cast<u8>(Queued::none));
}

TEST(duel_command, check_changes_nothing) {
  Battle battle;
  battle.begin();
  const u64 before = battle.hash();
  for (int action = 0; action < 6; ++action) {
    for (int skill = 0; skill < 5; ++skill) {
      Command command;
      command.action = static_cast<Action>(action);
      command.skill = static_cast<u8>(skill);
      command.entity = battle.id(0);
      command.x = kFull;
      command.y = kFull;
      static_cast<void>(battle.rules->check(PlayerSlot{0}, command));
    }
  }
  EXPECT_EQ(battle.hash(), before);
}

}  // namespace
}  // namespace drumline::duel::testing
