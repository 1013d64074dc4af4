// Random commands for many ticks: nothing breaks, everything repeats.
#include "duel_battle.hpp"
#include "random_input.hpp"
#include "support/allocation_counter.hpp"
#include "world/delta.hpp"
#include "world/snapshot.hpp"

namespace drumline::duel::testing {
namespace {

using drumline::testing::allocations;

// Rounds so short that a run sees many matches' worth of phases.
constexpr std::string_view kLongMatch = "[match]\nbest_of_rounds = 9\nintro_ms = 160\npause_ms = 160\n";

void expect_sound(const Battle& battle) {
  const Match match = battle.match();
  ASSERT_LT(match.phase, static_cast<u8>(Phase::count));
  ASSERT_LE(match.round, 9);
  ASSERT_LE(match.winner, kWinnerDraw);
  ASSERT_LE(battle.projectiles.live_count(), kFighters);
  battle.fighters.for_each([&](u32 slot) {
    const Fighter f = battle.fighter(slot);
    const world::MapSize map = battle.rules->map_size();
    ASSERT_GT(f.x.raw, 0);
    ASSERT_LT(f.x, map.width);
    ASSERT_GE(f.y.raw, 0);
    ASSERT_LT(f.y, map.height);
    ASSERT_LE(f.health, 300);
    ASSERT_LE(f.meter, 100);
    ASSERT_LE(f.combo, 5);
    ASSERT_LE(f.rounds, 5);
    ASSERT_LT(f.stance, static_cast<u8>(Stance::count));
    ASSERT_EQ(f.health == 0, f.stance == static_cast<u8>(Stance::out));
    const bool timed = f.stance_length != 0;
    const bool falls = battle.stance(slot) == Stance::hit && f.y.raw > 0;
    ASSERT_EQ(timed, !is_free(battle.stance(slot)) && battle.stance(slot) != Stance::out && !falls);
    if (timed) {
      ASSERT_LT(f.stance_ticks, f.stance_length);
    }
    if (is_free(battle.stance(slot))) {
      ASSERT_EQ(f.combo, 0);
    }
  });
  battle.projectiles.for_each([&](u32 row) {
    const Projectile p = take_row(battle.projectiles, row);
    ASSERT_GE(p.x.raw, 0);
    ASSERT_LT(p.x, battle.rules->map_size().width);
    ASSERT_LT(p.owner, kFighters);
  });
}

TEST(duel_property, random_matches_break_nothing_end_and_repeat) {
  u32 knockouts = 0;
  u32 hits = 0;
  u32 throws = 0;
  u32 specials = 0;
  u32 ended = 0;
  for (u64 seed = 1; seed <= 30; ++seed) {
    Battle first(kLongMatch, seed);
    Battle second(kLongMatch, seed);
    RandomInput inputs_first(seed);
    RandomInput inputs_second(seed);
    for (int tick = 0; tick < 4'000; ++tick) {
      inputs_first.feed(*first.rules);
      inputs_second.feed(*second.rules);
      first.step();
      second.step();
      ASSERT_EQ(first.hash(), second.hash()) << "seed " << seed << ", tick " << tick;
      expect_sound(first);
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_EQ(first.events.dropped(), 0u);
    knockouts += first.count(EventKind::knockout);
    hits += first.count(EventKind::hit);
    throws += first.count(EventKind::thrown);
    specials += first.count(EventKind::fizzle);
    ended += first.rules->finished() ? 1 : 0;
    EXPECT_GT(inputs_first.refused(), 100u);
  }
  EXPECT_GT(hits, 500u) << "there were fights";
  EXPECT_GT(knockouts, 15u);
  EXPECT_GT(throws, 25u);
  EXPECT_GT(specials, 25u);
  EXPECT_GT(ended, 10u);
}

TEST(duel_property, a_snapshot_at_any_tick_continues_alike) {
  world::Rng choose(5);
  std::vector<std::byte> snapshot;
  Battle live(kLongMatch, 4);
  RandomInput inputs(18, false);
  for (int round = 0; round < 80; ++round) {
    for (u64 i = choose.below(u64{60}); i > 0; --i) {
      inputs.feed(*live.rules);
      live.step();
    }
    world::encode_snapshot(live.rules->world(), "duel", snapshot);
    Battle restored(kLongMatch, 999, false);
    ASSERT_TRUE(world::restore_snapshot(snapshot, "duel", restored.rules->world()).ok());
    RandomInput same = inputs;
    for (int i = 0; i < 30; ++i) {
      inputs.feed(*live.rules);
      same.feed(*restored.rules);
      live.step();
      restored.step();
      ASSERT_EQ(live.hash(), restored.hash());
      ASSERT_EQ(live.rules->finished(), restored.rules->finished());
    }
  }
}

TEST(duel_property, deltas_lead_from_any_state_to_any_later_one) {
  Battle live(kLongMatch, 6);
  RandomInput inputs(19, false);
  std::vector<std::byte> base;
  std::vector<std::byte> delta;
  Battle follower(kLongMatch, 6, false);
  for (int round = 0; round < 60; ++round) {
    world::encode_snapshot(live.rules->world(), "duel", base);
    for (int i = 0; i < round; ++i) {
      inputs.feed(*live.rules);
      live.step();
    }
    const auto view = world::read_snapshot(base);
    ASSERT_TRUE(view.ok());
    ASSERT_TRUE(world::encode_delta(*view, live.rules->world(), delta).ok());
    ASSERT_TRUE(world::restore_snapshot(base, "duel", follower.rules->world()).ok());
    ASSERT_TRUE(world::apply_delta(delta, "duel", follower.rules->world()).ok());
    ASSERT_EQ(follower.hash(), live.hash());
  }
}

TEST(duel_property, the_sides_are_equal) {
  // The same commands, mirrored: the mirrored fight.
  Battle battle;
  battle.begin();
  world::Rng rng(3);
  for (int tick = 0; tick < 3'000 && battle.phase() == Phase::fight; ++tick) {
    if (rng.below(u64{4}) == 0) {
      const auto action = static_cast<Action>(rng.below(u64{3}));
      const auto skill = static_cast<u8>(rng.below(u64{4}));
      const i32 x = (static_cast<i32>(rng.below(u64{3})) - 1) * kFull;
      const i32 y = rng.below(u64{6}) == 0 ? -kFull : 0;
      const Refusal left = battle.give(0, action, x, y, skill);
      const Refusal right = battle.give(1, action, -x, y, skill);
      ASSERT_EQ(left, right) << tick;
    }
    battle.step();
    const Fighter left = battle.fighter(0);
    const Fighter right = battle.fighter(1);
    ASSERT_EQ(left.health, right.health) << tick;
    ASSERT_EQ(left.stance, right.stance) << tick;
    ASSERT_EQ(left.meter, right.meter) << tick;
    ASSERT_NEAR(left.x.raw, 16 * Fixed::kOneRaw - right.x.raw, 400) << tick;
  }
  EXPECT_GT(battle.count(EventKind::hit), 10u);
}

TEST(duel_property, a_thousand_ticks_of_battle_allocate_nothing) {
  Battle battle(kLongMatch, 7);
  battle.begin();
  RandomInput inputs(20, false);
  const u64 before = allocations();
  u64 hash = 0;
  for (int i = 0; i < 1'000; ++i) {
    inputs.feed(*battle.rules);
    battle.step();
    hash ^= battle.hash();
  }
  EXPECT_EQ(allocations() - before, 0u);
  EXPECT_NE(hash, 0u);
  EXPECT_GT(battle.count(EventKind::hit), 3u);
  std::vector<int> grown;
  grown.push_back(1);
  EXPECT_GT(allocations(), before) << "the counter counts";
}

}  // namespace
}  // namespace drumline::duel::testing
