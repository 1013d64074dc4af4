// Random commands for many ticks: nothing breaks, everything repeats.
#include "arena_battle.hpp"
#include "random_input.hpp"
#include "support/allocation_counter.hpp"
#include "world/delta.hpp"
#include "world/snapshot.hpp"

namespace drumline::arena::testing {
namespace {

using drumline::testing::allocations;

void expect_sound(Battle& battle) {
  const i64 side = battle.rules->map_size().width.raw;
  u32 seated = 0;
  battle.players.for_each([&](u32 slot) {
    const i64 x = battle.players.at<&Player::x>(slot).raw;
    const i64 y = battle.players.at<&Player::y>(slot).raw;
    ASSERT_TRUE(x >= 0 && x < side && y >= 0 && y < side) << "slot " << slot << " at " << x << ", " << y;
    const u8 flags = battle.players.at<&Player::flags>(slot);
    const u32 health = battle.players.at<&Player::health>(slot);
    ASSERT_LE(health, 100u << kHealthShift);
    ASSERT_EQ(health == 0, (flags & kFlagDead) != 0);
    const u32 seat = battle.players.at<&Player::seat>(slot);
    ASSERT_EQ(battle.id(seat), battle.players.id_of(slot));
    const bool moves =
        battle.players.at<&Player::move_x>(slot) != 0 || battle.players.at<&Player::move_y>(slot) != 0;
    ASSERT_EQ(moves, (flags & kFlagMoving) != 0);
    ASSERT_FALSE((flags & kFlagDead) != 0 && moves);
    ++seated;
  });
  u32 expected = 0;
  for (u32 seat = 0; seat < battle.players.capacity(); ++seat) expected += battle.id(seat).value != 0;
  ASSERT_EQ(seated, expected);
  const world::World& world = battle.rules->world();
  const auto& pickups = world.table(kPickupTable);
  ASSERT_EQ(pickups.live_count() + world.table(2).live_count(), pickups.capacity());
}

TEST(arena_property, ten_thousand_random_ticks_break_nothing_and_repeat) {
  constexpr u32 players = 24;
  constexpr std::string_view crowded = "[map]\npickup_every_units2 = 200\n";
  Battle first(players, crowded, 3);
  Battle second(players, crowded, 3);
  RandomInput inputs_first(17, players);
  RandomInput inputs_second(17, players);
  for (int tick = 0; tick < 10'000; ++tick) {
    inputs_first.feed(*first.rules);
    inputs_second.feed(*second.rules);
    first.step();
    second.step();
    ASSERT_EQ(first.hash(), second.hash()) << "tick " << tick;
    if (tick % 50 == 0) expect_sound(first);
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(first.count(EventKind::death), 50u) << "there was a battle";
  EXPECT_GT(first.count(EventKind::pickup), 20u);
  EXPECT_GT(inputs_first.refused(), 100u);
  EXPECT_EQ(first.events.dropped(), 0u);
}

TEST(arena_property, a_snapshot_at_any_tick_continues_alike) {
  constexpr u32 players = 24;
  Battle live(players, "", 4);
  RandomInput inputs(18, players);
  world::Rng choose(5);
  std::vector<std::byte> snapshot;
  for (int round = 0; round < 40; ++round) {
    for (u64 i = choose.below(u64{60}); i > 0; --i) {
      inputs.feed(*live.rules);
      live.step();
    }
    world::encode_snapshot(live.rules->world(), "arena", snapshot);
    Battle restored(players, "", 999, false);
    ASSERT_TRUE(world::restore_snapshot(snapshot, "arena", restored.rules->world()).ok());
    RandomInput same = inputs;
    for (int i = 0; i < 30; ++i) {
      inputs.feed(*live.rules);
      same.feed(*restored.rules);
      live.step();
      restored.step();
      ASSERT_EQ(live.hash(), restored.hash());
    }
  }
}

TEST(arena_property, deltas_lead_from_any_state_to_any_later_one) {
  constexpr u32 players = 24;
  Battle live(players, "", 6);
  RandomInput inputs(19, players);
  std::vector<std::byte> base;
  std::vector<std::byte> delta;
  Battle follower(players, "", 6, false);
  for (int round = 0; round < 60; ++round) {
    world::encode_snapshot(live.rules->world(), "arena", base);
    for (int i = 0; i < round; ++i) {
      inputs.feed(*live.rules);
      live.step();
    }
    const auto view = world::read_snapshot(base);
    ASSERT_TRUE(view.ok());
    ASSERT_TRUE(world::encode_delta(*view, live.rules->world(), delta).ok());
    ASSERT_TRUE(world::restore_snapshot(base, "arena", follower.rules->world()).ok());
    ASSERT_TRUE(world::apply_delta(delta, "arena", follower.rules->world()).ok());
    ASSERT_EQ(follower.hash(), live.hash());
  }
}

TEST(arena_property, a_thousand_ticks_of_battle_allocate_nothing) {
  constexpr u32 players = 200;
  Battle battle(players, "", 7);
  RandomInput inputs(20, players);
  for (int i = 0; i < 100; ++i) {
    inputs.feed(*battle.rules);
    battle.step();
  }
  const u64 before = allocations();
  u64 hash = 0;
  for (int i = 0; i < 1'000; ++i) {
    inputs.feed(*battle.rules);
    battle.step();
    hash ^= battle.hash();
  }
  EXPECT_EQ(allocations() - before, 0u);
  EXPECT_NE(hash, 0u);
  EXPECT_GT(battle.count(EventKind::hit), 100u);
  std::vector<int> grown;
  grown.push_back(1);
  EXPECT_GT(allocations(), before) << "the counter counts";
}

}  // namespace
}  // namespace drumline::arena::testing
