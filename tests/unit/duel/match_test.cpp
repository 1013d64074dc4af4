#include "duel_battle.hpp"

namespace drumline::duel::testing {
namespace {

// The one in slot 1 is knocked out by the next thing that touches him.
void win_round(Battle& battle) {
  battle.step_until(Phase::fight);
  battle.place_apart(1'000);
  battle.set_health(1, 1);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(6);
  ASSERT_EQ(battle.stance(1), Stance::out);
}

TEST(duel_match, one_alone_waits_and_the_second_begins_the_first_round) {
  Battle battle;
  ASSERT_TRUE(battle.join(0).accepted());
  battle.step(1'000);
  EXPECT_EQ(battle.phase(), Phase::waiting);
  EXPECT_EQ(battle.x(0), 5'500);
  ASSERT_TRUE(battle.join(1).accepted());
  battle.step();
  EXPECT_EQ(battle.phase(), Phase::intro);
  EXPECT_EQ(battle.match().round, 1);
  battle.step(99);
  EXPECT_EQ(battle.phase(), Phase::intro) << "1.6 s are 100 ticks";
  battle.step();
  EXPECT_EQ(battle.phase(), Phase::fight);
  EXPECT_EQ(battle.count(EventKind::round), 1u);
  EXPECT_EQ(battle.count(EventKind::fight), 1u);
  EXPECT_EQ(battle.x(1) - battle.x(0), 5'000);
  EXPECT_FALSE(battle.fighter(0).flags & kFlagFacesLeft);
  EXPECT_TRUE(battle.fighter(1).flags & kFlagFacesLeft);
}

TEST(duel_match, a_third_is_refused_by_name_whatever_the_seats) {
  Battle battle("", 1, true, 64);
  ASSERT_TRUE(battle.join(0).accepted());
  ASSERT_TRUE(battle.join(5).accepted());
  const u64 before = battle.hash();
  EXPECT_EQ(battle.join(1).code, kRefusedDuelFull);
  EXPECT_GE(battle.join(1).code, world::kFirstGameRefusal);
  EXPECT_EQ(battle.rules->refusal_name(battle.join(1)), "duel_full");
  EXPECT_EQ(battle.hash(), before);
  battle.step_until(Phase::fight);
  EXPECT_EQ(battle.join(1).code, kRefusedDuelFull);
}

TEST(duel_match, a_taken_or_unknown_seat_is_refused) {
  Battle battle;
  ASSERT_TRUE(battle.join(1).accepted());
  EXPECT_EQ(battle.join(1), world::kRefusedNoSeat);
  EXPECT_EQ(battle.join(2), world::kRefusedNoSeat);
  EXPECT_EQ(battle.join(kNoPlayer.value), world::kRefusedNoSeat);
  EXPECT_EQ(battle.id(0).value, 0u);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{0}), 0);
}

TEST(duel_match, who_leaves_before_the_match_leaves_room_for_another) {
  Battle battle;
  ASSERT_TRUE(battle.join(0).accepted());
  const EntityId old = battle.id(0);
  battle.rules->on_leave(PlayerSlot{0});
  EXPECT_EQ(battle.id(0).value, 0u);
  battle.step(10);
  battle.begin();
  EXPECT_NE(battle.id(0), old);
  Command command;
  command.action = Action::move;
  command.entity = old;
  EXPECT_EQ(battle.give(0, command), world::kRefusedNotYours);
}

TEST(duel_match, two_knock_outs_win_the_best_of_three_and_it_ends_after_the_epilogue) {
  Battle battle;
  battle.begin();
  win_round(battle);
  EXPECT_EQ(battle.phase(), Phase::pause);
  EXPECT_EQ(battle.match().winner, kWinnerLeft);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{0}), 1);
  EXPECT_EQ(battle.last(EventKind::round_over).source, battle.id(0));
  battle.step_until(Phase::intro);
  EXPECT_EQ(battle.match().round, 2);
  EXPECT_EQ(battle.health(1), 300u) << "whole again";
  EXPECT_EQ(battle.stance(1), Stance::idle);
  win_round(battle);
  EXPECT_EQ(battle.phase(), Phase::over);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{0}), 2);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{1}), 0);
  EXPECT_EQ(battle.last(EventKind::match_over).source, battle.id(0));
  EXPECT_EQ(battle.last(EventKind::match_over).a, 2);
  u32 left = 0;
  for (; !battle.rules->finished(); ++left) battle.step();
  EXPECT_NEAR(left, 250, 6) << "4 s are 250 ticks";
  EXPECT_EQ(battle.phase(), Phase::over);
  battle.step(100);
  EXPECT_TRUE(battle.rules->finished());
}

TEST(duel_match, when_time_is_up_the_healthier_one_has_the_round) {
  Battle battle("[match]\nround_ms = 1600\n");
  battle.begin();
  battle.set_health(0, 299);
  battle.step(99);
  EXPECT_EQ(battle.phase(), Phase::fight);
  battle.step();
  EXPECT_EQ(battle.phase(), Phase::pause);
  EXPECT_EQ(battle.match().winner, kWinnerRight);
}

TEST(duel_match, drawn_rounds_count_so_that_a_match_of_nothing_ends_drawn) {
  Battle battle("[match]\nround_ms = 1000\n");
  battle.begin();
  battle.step_until(Phase::over);
  EXPECT_EQ(battle.match().round, 3);
  EXPECT_EQ(battle.match().winner, kWinnerDraw);
  EXPECT_EQ(battle.last(EventKind::match_over).source.value, 0u);
}

TEST(duel_match, what_is_held_stays_over_the_rounds) {
  Battle battle("[match]\nround_ms = 1000\n");
  battle.begin();
  ASSERT_TRUE(battle.move(0, kFull).accepted());
  battle.step_until(Phase::intro);
  const i64 start = battle.x(0);
  battle.step_until(Phase::fight);
  battle.step(10);
  EXPECT_GT(battle.x(0), start);
}

TEST(duel_match, a_dropped_fighter_stands_still_and_fights_on_when_he_is_back) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.move(0, kFull).accepted());
  ASSERT_TRUE(battle.guard(1).accepted());
  battle.step(5);
  battle.rules->on_drop(PlayerSlot{0});
  battle.rules->on_drop(PlayerSlot{1});
  battle.step();
  const i64 place = battle.x(0);
  battle.step(20);
  EXPECT_EQ(battle.x(0), place);
  EXPECT_EQ(battle.stance(1), Stance::idle);
  EXPECT_TRUE(battle.fighter(0).flags & kFlagAway);
  EXPECT_EQ(battle.phase(), Phase::fight);
  battle.rules->on_reconnect(PlayerSlot{0});
  EXPECT_FALSE(battle.fighter(0).flags & kFlagAway);
  ASSERT_TRUE(battle.move(0, kFull).accepted());
  battle.step(2);
  EXPECT_GT(battle.x(0), place);
}

TEST(duel_match, who_leaves_gives_the_match_to_the_other) {
  for (const Phase when : {Phase::intro, Phase::fight, Phase::pause}) {
    Battle battle("[match]\nround_ms = 1000\n");
    ASSERT_TRUE(battle.join(0).accepted());
    ASSERT_TRUE(battle.join(1).accepted());
    battle.step_until(when);
    battle.rules->on_leave(PlayerSlot{0});
    EXPECT_EQ(battle.join(0).code, kRefusedDuelDecided) << "no stranger takes the match over";
    battle.step();
    EXPECT_EQ(battle.phase(), Phase::over);
    EXPECT_EQ(battle.match().winner, kWinnerRight);
    EXPECT_EQ(battle.rules->score_of(PlayerSlot{1}), 2);
    EXPECT_EQ(battle.rules->entity_of(PlayerSlot{0}).value, 0u);
    EXPECT_EQ(battle.join(0).code, kRefusedDuelDecided);
    battle.step(250);
    EXPECT_TRUE(battle.rules->finished());
  }
}

TEST(duel_match, when_both_leave_it_ends_without_a_winner) {
  Battle battle;
  battle.begin();
  battle.rules->on_leave(PlayerSlot{0});
  battle.rules->on_leave(PlayerSlot{1});
  battle.step(251);
  EXPECT_TRUE(battle.rules->finished());
  EXPECT_EQ(battle.match().winner, kWinnerNone);
}

TEST(duel_match, calls_for_empty_seats_do_nothing) {
  Battle battle;
  const u64 before = battle.hash();
  for (const PlayerSlot seat : {PlayerSlot{0}, PlayerSlot{99}, kNoPlayer}) {
    battle.rules->on_drop(seat);
    battle.rules->on_reconnect(seat);
    battle.rules->on_leave(seat);
  }
  EXPECT_EQ(battle.hash(), before);
}

TEST(duel_match, the_desk_sets_the_round_timer) {
  Battle battle;
  EXPECT_EQ(battle.tell({kTellRoundTimer, 10, 0}).code, kRefusedRoundNotOn);
  battle.begin();
  battle.set_health(0, 100);
  ASSERT_TRUE(battle.tell({kTellRoundTimer, 2, 0}).accepted());
  battle.step(124);
  EXPECT_EQ(battle.phase(), Phase::fight);
  battle.step();
  EXPECT_EQ(battle.phase(), Phase::pause);
  EXPECT_EQ(battle.match().winner, kWinnerRight);
  EXPECT_EQ(battle.tell({kTellRoundTimer, 2, 0}).code, kRefusedRoundNotOn);
}

TEST(duel_match, the_desk_ends_the_match_for_who_leads) {
  Battle battle;
  EXPECT_EQ(battle.tell({kTellEndMatch}).code, kRefusedRoundNotOn);
  battle.begin();
  battle.set_health(1, 299);
  ASSERT_TRUE(battle.tell({kTellEndMatch}).accepted());
  battle.step();
  EXPECT_EQ(battle.phase(), Phase::over);
  EXPECT_EQ(battle.match().winner, kWinnerLeft);
  EXPECT_EQ(battle.tell({kTellEndMatch}).code, kRefusedDuelDecided);
}

TEST(duel_match, other_messages_are_refused_and_change_nothing) {
  Battle battle;
  battle.begin();
  const u64 before = battle.hash();
  EXPECT_EQ(battle.tell({}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.tell({0}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.tell({3}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.tell({kTellRoundTimer}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.tell({kTellRoundTimer, 1}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.tell({kTellRoundTimer, 1, 0, 0}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.tell({kTellEndMatch, 0}), world::kRefusedUnknownAction);
  EXPECT_EQ(battle.hash(), before);
}

TEST(duel_match, it_answers_how_the_match_stands) {
  Battle battle;
  EXPECT_EQ(battle.ask("score"), "round 0 of 3, waiting, 0 : 0, health 0 : 0");
  battle.begin();
  win_round(battle);
  battle.step_until(Phase::fight);
  battle.set_health(0, 212);
  EXPECT_EQ(battle.ask("score"), "round 2 of 3, fight, 1 : 0, health 212 : 300");
  EXPECT_EQ(battle.ask("weather"), "no answer");
}

TEST(duel_match, its_state_is_small) {
  Battle battle("", 1, true, 10'000);
  battle.begin();
  const world::World& world = battle.rules->world();
  u32 rows = 0;
  for (std::size_t i = 0; i < world.table_count(); ++i) rows += world.table(i).capacity();
  EXPECT_EQ(rows, 5u) << "two fighters, a projectile of each, the match";
  EXPECT_LT(world::hashed_bytes(world), 400u);
}

TEST(duel_match, sent_state_is_nine_bytes_a_fighter) {
  const Battle battle;
  const auto bits = [&](u8 table) {
    u32 sum = 0;
    for (const world::FieldDescription& field : battle.rules->world().table(table).fields()) {
      sum += field.wire.bits;
    }
    return sum;
  };
  EXPECT_EQ(bits(kFighterTable), 68u);
  EXPECT_EQ(bits(kProjectileTable), 30u);
  EXPECT_EQ(bits(kMatchTable), 69u);
}

}  // namespace
}  // namespace drumline::duel::testing
