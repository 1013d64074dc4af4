#include "arena_battle.hpp"
#include "world/snapshot.hpp"

namespace drumline::arena::testing {
namespace {

TEST(arena_lifecycle, a_joined_player_stands_on_the_map_protected_and_whole) {
  Battle battle(4, "");
  battle.join(2);
  EXPECT_NE(battle.id(2).value, 0u);
  EXPECT_EQ(battle.health(2), 100u);
  EXPECT_TRUE(battle.flags(2) & kFlagProtected);
  EXPECT_GE(battle.x(2), 0);
  EXPECT_LT(battle.x(2), battle.rules->map_size().width.raw);
  battle.step();
  EXPECT_EQ(battle.count(EventKind::spawn), 1u);
}

TEST(arena_lifecycle, a_taken_or_unknown_seat_is_refused) {
  Battle battle(4);
  battle.join(1);
  EXPECT_EQ(battle.rules->on_join(PlayerSlot{1}, {}), world::kRefusedNoSeat);
  EXPECT_EQ(battle.rules->on_join(PlayerSlot{4}, {}), world::kRefusedNoSeat);
  EXPECT_EQ(battle.rules->on_join(kNoPlayer, {}), world::kRefusedNoSeat);
  EXPECT_EQ(battle.rules->entity_of(kNoPlayer).value, 0u);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{9}), 0);
}

TEST(arena_lifecycle, a_dropped_player_stands_still_can_be_hit_and_comes_back) {
  Battle battle;
  battle.join_at(0, 10, 10);
  battle.join_at(1, 11, 10);
  EXPECT_TRUE(battle.give(0, Action::move, kFull, 0).accepted());
  battle.rules->on_drop(PlayerSlot{0});
  const i64 before = battle.x(0);
  battle.step(10);
  EXPECT_EQ(battle.x(0), before);
  EXPECT_TRUE(battle.flags(0) & kFlagAway);
  EXPECT_TRUE(battle.hit(1, 0).accepted());
  battle.step();
  EXPECT_LT(battle.health(0), 100u);
  battle.rules->on_reconnect(PlayerSlot{0});
  EXPECT_FALSE(battle.flags(0) & kFlagAway);
  EXPECT_TRUE(battle.give(0, Action::move, kFull, 0).accepted());
  battle.step();
  EXPECT_GT(battle.x(0), before);
}

TEST(arena_lifecycle, who_dies_while_away_waits_for_the_return) {
  Battle battle(8, std::string(kBareRules) + "[melee]\ndamage_points = 200\n[player]\nrespawn_ms = 160\n");
  battle.join_at(0, 10, 10);
  battle.join_at(1, 11, 10);
  battle.rules->on_drop(PlayerSlot{0});
  EXPECT_TRUE(battle.hit(1, 0).accepted());
  battle.step(100);
  EXPECT_TRUE(battle.flags(0) & kFlagDead);
  battle.rules->on_reconnect(PlayerSlot{0});
  battle.step();
  EXPECT_FALSE(battle.flags(0) & kFlagDead);
}

TEST(arena_lifecycle, a_seat_is_free_after_a_leave_and_the_old_entity_is_gone) {
  Battle battle;
  battle.join(0);
  const EntityId old = battle.id(0);
  battle.rules->on_leave(PlayerSlot{0});
  EXPECT_EQ(battle.id(0).value, 0u);
  EXPECT_FALSE(battle.players.holds(old));
  battle.join(0);
  EXPECT_NE(battle.id(0), old);
  Command command;
  command.action = Action::move;
  command.entity = old;
  EXPECT_EQ(battle.give(0, command), world::kRefusedNotYours);
}

TEST(arena_lifecycle, calls_for_empty_seats_do_nothing) {
  Battle battle;
  const u64 before = battle.hash();
  for (const PlayerSlot seat : {PlayerSlot{3}, PlayerSlot{99}, kNoPlayer}) {
    battle.rules->on_drop(seat);
    battle.rules->on_reconnect(seat);
    battle.rules->on_leave(seat);
  }
  EXPECT_EQ(battle.hash(), before);
}

TEST(arena_lifecycle, the_same_seed_makes_the_same_world_and_another_seed_another) {
  EXPECT_EQ(Battle(100, "", 5).hash(), Battle(100, "", 5).hash());
  EXPECT_NE(Battle(100, "", 5).hash(), Battle(100, "", 6).hash());
}

TEST(arena_lifecycle, a_restored_battle_tells_the_same_map) {
  Battle first(100, "", 5);
  Battle second(100, "", 6, false);
  std::vector<std::byte> snapshot;
  world::encode_snapshot(first.rules->world(), "arena", snapshot);
  ASSERT_TRUE(world::restore_snapshot(snapshot, "arena", second.rules->world()).ok());
  const Bytes a = first.rules->map_description();
  const Bytes b = second.rules->map_description();
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  EXPECT_LE(a.size(), 64u * 1024);
}

TEST(arena_lifecycle, the_largest_battle_has_a_map_that_fits) {
  Battle battle(kMaxPlayers, "");
  EXPECT_LE(battle.rules->map_description().size(), 64u * 1024);
  EXPECT_LE(battle.rules->map_size().width, Fixed::from_int(4096));
}

TEST(arena_lifecycle, sent_state_is_nine_bytes_a_player) {
  Battle battle;
  u32 bits = 0;
  for (const world::FieldDescription& field : battle.players.fields()) bits += field.wire.bits;
  EXPECT_EQ(bits, 71u);
}

}  // namespace
}  // namespace drumline::arena::testing
