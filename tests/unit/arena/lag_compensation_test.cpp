#include "arena/lag_compensation.hpp"

#include "arena_battle.hpp"

namespace drumline::arena::testing {
namespace {

std::string rules_with(u32 max_ms) {
  return std::string(kBareRules) + "[lag_compensation]\nmax_ms = " + std::to_string(max_ms) + "\n";
}

/// Seat 1 stood within reach of seat 0 and walks away from him for `ticks`.
struct Fleeing : Battle {
  Fleeing(u32 max_ms, u32 ticks) : Battle(8, rules_with(max_ms)) {
    join_at(0, 20, 20);
    join_at(1, 22, 20);
    step(16);
    EXPECT_TRUE(give(1, Action::move, kFull, 0).accepted());
    seen_at = now();
    step(ticks);
  }
  u32 now() const { return static_cast<u32>(rules->world().tick()); }
  Refusal hit_seen(u32 view_tick) {
    Command command;
    command.entity = id(0);
    command.action = Action::attack;
    command.target = id(1);
    command.view_tick = view_tick;
    return rules->check(PlayerSlot{0}, command);
  }
  u32 seen_at = 0;
};

TEST(arena_lag_compensation, a_blow_is_judged_by_where_its_sender_saw_the_other) {
  Fleeing battle(240, 10);
  EXPECT_EQ(battle.hit_seen(0), world::kRefusedOutOfRange);
  EXPECT_EQ(battle.hit_seen(battle.now()), world::kRefusedOutOfRange);
  EXPECT_TRUE(battle.hit_seen(battle.seen_at).accepted());
}

TEST(arena_lag_compensation, a_claim_beyond_the_bound_or_of_the_future_is_clamped) {
  Fleeing battle(80, 10);
  const Refusal at_the_bound = battle.hit_seen(battle.now() - 5);
  EXPECT_EQ(at_the_bound, world::kRefusedOutOfRange);
  EXPECT_EQ(battle.hit_seen(battle.seen_at), at_the_bound) << "no more than 5 ticks back";
  EXPECT_EQ(battle.hit_seen(1), at_the_bound);
  EXPECT_EQ(battle.hit_seen(battle.now() + 1), world::kRefusedOutOfRange);
  EXPECT_EQ(battle.hit_seen(0x7FFF'FFFF), world::kRefusedOutOfRange);
  EXPECT_EQ(battle.hit_seen(0xFFFF'FFFF), world::kRefusedOutOfRange);
}

TEST(arena_lag_compensation, without_it_the_claim_is_passed_over_and_there_is_no_table_for_it) {
  Fleeing battle(0, 10);
  EXPECT_EQ(battle.hit_seen(battle.seen_at), world::kRefusedOutOfRange);
  EXPECT_EQ(battle.rules->world().table_count(), Battle().rules->world().table_count());
  EXPECT_EQ(Fleeing(240, 1).rules->world().table_count(), battle.rules->world().table_count() + 2);
}

TEST(arena_lag_compensation, a_body_that_appears_was_nowhere_else_before) {
  Battle battle(2, rules_with(240));
  const u32 first = battle.join_at(1, 22, 20);
  battle.join_at(0, 20, 20);
  battle.step(20);
  battle.rules->on_leave(PlayerSlot{1});
  const u32 second = battle.join(1);
  ASSERT_EQ(first, second) << "the row is used again";
  battle.players.at<&Player::flags>(second) = 0;
  Command command;
  command.entity = battle.id(0);
  command.action = Action::attack;
  command.target = battle.id(1);
  command.view_tick = static_cast<u32>(battle.rules->world().tick()) - 5;
  const i64 apart = std::abs(battle.x(1) - battle.x(0)) + std::abs(battle.y(1) - battle.y(0));
  ASSERT_GT(apart, 4 * Fixed::kOneRaw) << "the seed puts him elsewhere";
  EXPECT_EQ(battle.give(0, command), world::kRefusedOutOfRange);
}

// Seat 1 runs across the line of fire and is past it now.
u32 health_after_shot(u32 max_ms, u32 age_ticks) {
  Battle battle(8, rules_with(max_ms));
  battle.join_at(0, 20, 20);
  battle.join_at(1, 22, 20);
  battle.step(16);
  EXPECT_TRUE(battle.give(1, Action::move, 0, kFull).accepted());
  battle.step(12);
  Command command;
  command.entity = battle.id(0);
  command.action = Action::attack;
  command.x = kFull;
  command.view_tick = static_cast<u32>(battle.rules->world().tick()) - age_ticks;
  EXPECT_TRUE(battle.give(0, command).accepted());
  battle.step(60);
  return battle.health(1);
}

TEST(arena_lag_compensation, a_shot_flies_through_what_its_sender_saw) {
  EXPECT_EQ(health_after_shot(240, 0), 100u);
  EXPECT_EQ(health_after_shot(240, 12), 89u);
  EXPECT_EQ(health_after_shot(32, 12), 100u) << "beyond the bound";
  EXPECT_EQ(health_after_shot(0, 12), 100u);
}

TEST(arena_lag_compensation, what_is_remembered_is_state) {
  Fleeing one(240, 10);
  Fleeing other(240, 10);
  EXPECT_EQ(one.hash(), other.hash());
  auto& table = static_cast<world::Table<PastPlace>&>(
      other.rules->world().table(other.rules->world().table_count() - 2));
  table.at<&PastPlace::place>(3) ^= 1;
  EXPECT_NE(one.hash(), other.hash());
}

}  // namespace
}  // namespace drumline::arena::testing
