#include "arena_bot/bot.hpp"

#include <algorithm>

#include "arena_battle.hpp"

namespace drumline::arena::testing {
namespace {

// What a client would see: values quantised as the wire does.
i64 sent(const world::TableBase& table, std::size_t column, u32 slot) {
  return table.value(column, slot) >> table.fields()[column].wire.shift;
}

std::vector<SeenEntity> see(const world::World& world, u32 row, i64 sight_units) {
  std::vector<SeenEntity> seen;
  const i64 x = world.table(kPlayerTable).value(0, row);
  const i64 y = world.table(kPlayerTable).value(1, row);
  for (const u8 index : {kPlayerTable, kPickupTable}) {
    const world::TableBase& table = world.table(index);
    table.for_each([&](u32 slot) {
      if (std::abs(table.value(0, slot) - x) > sight_units << 16) return;
      if (std::abs(table.value(1, slot) - y) > sight_units << 16) return;
      SeenEntity entity;
      entity.id = table.id_of(slot);
      std::size_t filled = 0;
      for (std::size_t c = 0; c < table.column_count(); ++c) {
        if (table.fields()[c].wire.bits != 0) entity.values[filled++] = sent(table, c, slot);
      }
      seen.push_back(entity);
    });
  }
  return seen;
}

TEST(arena_bot, bots_among_themselves_play_a_lively_and_legal_battle) {
  constexpr u32 players = 64;
  Battle battle(players, "", 11);
  const MapDescription map = decode_map_description(battle.rules->map_description()).value();
  std::vector<Bot> bots;
  for (u32 i = 0; i < players; ++i) {
    bots.emplace_back(i);
    battle.join(i);
  }
  std::array<u32, 4> accepted{};
  u32 refused = 0;
  std::vector<i64> start;
  for (u32 i = 0; i < players; ++i) start.push_back(battle.x(i));
  u32 moved = 0;
  for (u32 tick = 0; tick < 62 * 60; ++tick) {
    for (u32 i = tick % 4; i < players; i += 4) {
      const auto seen = see(battle.rules->world(), battle.row(i), 40);
      BotView view;
      view.tick = battle.rules->world().tick();
      view.self = battle.id(i);
      view.entities = seen;
      view.map = &map;
      view.map_size = battle.rules->map_size();
      if (const auto command = bots[i].decide(view)) {
        if (battle.give(i, *command).accepted())
          ++accepted[static_cast<std::size_t>(command->action)];
        else
          ++refused;
      }
    }
    battle.step();
  }
  for (u32 i = 0; i < players; ++i) moved += std::abs(battle.x(i) - start[i]) > 65536;
  EXPECT_GT(moved, players * 3 / 4);
  const u32 all = accepted[0] + accepted[1] + accepted[2] + accepted[3];
  EXPECT_LT(refused * 20, all) << "bots know the rules";
  EXPECT_GT(battle.count(EventKind::death), 30u);
  EXPECT_GT(battle.count(EventKind::melee), 30u);
  EXPECT_GT(battle.count(EventKind::shot), 200u);
  EXPECT_GT(battle.count(EventKind::hit), 200u);
  EXPECT_GT(battle.count(EventKind::dash), 10u);
  EXPECT_GT(battle.count(EventKind::ward), 10u);
  EXPECT_GT(battle.count(EventKind::blast), 10u);
  EXPECT_GT(battle.count(EventKind::pickup), 50u);
  // About what a person sends: a few commands a second.
  EXPECT_LT(all, players * 60 * 16);
  RecordProperty("commands", static_cast<int>(all));
  RecordProperty("refused", static_cast<int>(refused));
  RecordProperty("deaths", static_cast<int>(battle.count(EventKind::death)));
}

TEST(arena_bot, without_its_own_entity_it_keeps_quiet) {
  Bot bot(1);
  BotView view;
  view.self = make_entity_id(0, 1, 5);
  view.map_size = {Fixed::from_int(100), Fixed::from_int(100)};
  EXPECT_FALSE(bot.decide(view).has_value());
}

TEST(arena_bot, without_a_map_it_still_walks) {
  Bot bot(2);
  SeenEntity self;
  self.id = make_entity_id(0, 1, 5);
  self.values[kPlayerX] = 1'600;
  self.values[kPlayerY] = 1'600;
  self.values[kPlayerHealth] = 100;
  BotView view;
  view.self = self.id;
  view.entities = {&self, 1};
  view.map_size = {Fixed::from_int(100), Fixed::from_int(100)};
  bool walked = false;
  for (view.tick = 1; view.tick < 2'000; ++view.tick) {
    if (const auto command = bot.decide(view)) walked = walked || command->action == Action::move;
  }
  EXPECT_TRUE(walked);
}

TEST(arena_bot, the_same_seed_and_sight_give_the_same_commands) {
  Battle battle(16, "", 12);
  for (u32 i = 0; i < 16; ++i) battle.join(i);
  Bot first(7);
  Bot second(7);
  for (u32 tick = 0; tick < 200; ++tick) {
    battle.step();
    const auto seen = see(battle.rules->world(), battle.row(3), 60);
    BotView view;
    view.tick = tick;
    view.self = battle.id(3);
    view.entities = seen;
    view.map_size = battle.rules->map_size();
    const auto a = first.decide(view);
    const auto b = second.decide(view);
    ASSERT_EQ(a.has_value(), b.has_value());
    if (a) {
      EXPECT_TRUE(a->action == b->action && a->x == b->x && a->y == b->y && a->target == b->target);
      battle.give(3, *a);
    }
  }
}

}  // namespace
}  // namespace drumline::arena::testing
