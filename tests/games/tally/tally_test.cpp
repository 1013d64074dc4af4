// One driver plays any game: it knows no game, only Game and Rules.
#include "tally/tally.hpp"

#include <gtest/gtest.h>

#include "arena/arena.hpp"
#include "world/hash.hpp"
#include "world/snapshot.hpp"

namespace drumline {
namespace {

struct Outcome {
  u64 hash = 0;
  u32 accepted = 0;
  u32 refused = 0;
};

// Joins, commands, drops and leaves by the seed; half-way the battle moves into
// fresh rules through a snapshot when `hand_over` says so.
Outcome play(const world::Game& game, u64 seed, bool hand_over) {
  constexpr u32 players = 6;
  constexpr u32 ticks = 400;
  auto rules = game.create(game.default_rules(), {.seed = seed, .max_players = players}).value();
  rules->on_create();
  world::EventList events(256);
  world::Rng rng(seed);
  Outcome outcome;
  for (u32 seat = 0; seat < players; ++seat) EXPECT_TRUE(rules->on_join(PlayerSlot{seat}, {}).accepted());
  for (u32 tick = 1; tick <= ticks; ++tick) {
    if (hand_over && tick == ticks / 2) {
      std::vector<std::byte> snapshot;
      world::encode_snapshot(rules->world(), game.name(), snapshot);
      auto fresh = game.create(game.default_rules(), {.seed = 1, .max_players = players}).value();
      EXPECT_TRUE(world::restore_snapshot(snapshot, game.name(), fresh->world()).ok());
      rules = std::move(fresh);
    }
    for (u32 seat = 0; seat < players; ++seat) {
      world::Command command;
      command.action = static_cast<world::Action>(rng.below(u64{4}));
      command.entity = rules->entity_of(PlayerSlot{seat});
      command.x = static_cast<i32>(rng.below(u64{100}));
      const world::Refusal refusal = rules->check(PlayerSlot{seat}, command);
      EXPECT_NE(rules->refusal_name(refusal), "unknown");
      if (refusal.accepted()) {
        rules->apply(PlayerSlot{seat}, command);
        ++outcome.accepted;
      } else {
        ++outcome.refused;
      }
    }
    if (tick == 100) rules->on_drop(PlayerSlot{1});
    if (tick == 150) rules->on_reconnect(PlayerSlot{1});
    if (tick == 200) rules->on_leave(PlayerSlot{2});
    if (tick == 250) {
      EXPECT_TRUE(rules->on_join(PlayerSlot{2}, {}).accepted());
    }
    events.clear();
    rules->world().set_tick(tick);
    rules->step(events);
    for (const world::Event& event : events.events()) EXPECT_LT(event.kind, game.event_names().size());
  }
  outcome.hash = world::hash_world(rules->world()).combined;
  return outcome;
}

class AnyGame : public ::testing::TestWithParam<const world::Game*> {};

TEST_P(AnyGame, plays_repeats_and_moves_by_snapshot) {
  const world::Game& game = *GetParam();
  const Outcome first = play(game, 7, false);
  EXPECT_GT(first.accepted, 100u);
  EXPECT_GT(first.refused, 100u);
  EXPECT_EQ(play(game, 7, false).hash, first.hash);
  EXPECT_EQ(play(game, 7, true).hash, first.hash);
  EXPECT_NE(play(game, 8, false).hash, first.hash);
}

INSTANTIATE_TEST_SUITE_P(games, AnyGame, ::testing::Values(&tally::tally_game(), &arena::arena_game()),
                         [](const auto& info) { return std::string(info.param->name()); });

TEST(games, a_snapshot_of_one_game_is_not_taken_by_another) {
  auto rules = tally::tally_game().create("", {}).value();
  std::vector<std::byte> snapshot;
  world::encode_snapshot(rules->world(), "tally", snapshot);
  auto other = arena::arena_game().create("", {}).value();
  EXPECT_FALSE(world::restore_snapshot(snapshot, "arena", other->world()).ok());
  EXPECT_FALSE(world::restore_snapshot(snapshot, "tally", other->world()).ok());
}

}  // namespace
}  // namespace drumline
