#include "duel_bot/bot.hpp"

#include "duel_battle.hpp"

namespace drumline::duel::testing {
namespace {

// What a client would see: values quantised as the wire does.
std::vector<SeenEntity> see(const world::World& world) {
  std::vector<SeenEntity> seen;
  for (const u8 index : {kFighterTable, kProjectileTable, kMatchTable}) {
    const world::TableBase& table = world.table(index);
    table.for_each([&](u32 slot) {
      SeenEntity& entity = seen.emplace_back();
      entity.id = table.id_of(slot);
      std::size_t filled = 0;
      for (std::size_t c = 0; c < table.column_count(); ++c) {
        const world::WireField& wire = table.fields()[c].wire;
        if (wire.bits != 0) entity.values[filled++] = table.value(c, slot) >> wire.shift;
      }
    });
  }
  return seen;
}

struct Tally {
  std::array<u32, 4> accepted{};
  u32 refused = 0;
  u32 ticks = 0;
  u32 finished = 0;
  u32 sent() const { return accepted[0] + accepted[1] + accepted[2] + accepted[3]; }
};

// A match between two bots, each of which decides on what it saw `lag` ticks ago.
void play(Battle& battle, std::array<Bot, 2> bots, std::size_t lag, Tally& tally) {
  const MapDescription map = decode_map_description(battle.rules->map_description()).value();
  battle.begin();
  struct Moment {
    Tick tick = 0;
    std::vector<SeenEntity> entities;
  };
  std::vector<Moment> past;
  for (u32 tick = 0; tick < 62 * 60 * 5 && !battle.rules->finished(); ++tick, ++tally.ticks) {
    past.push_back({battle.rules->world().tick(), see(battle.rules->world())});
    const Moment& shown = past[past.size() > lag ? past.size() - 1 - lag : 0];
    for (u32 i = 0; i < 2; ++i) {
      if (tick % 5 != i * 2) continue;
      BotView view;
      view.tick = shown.tick;
      view.self = battle.id(i);
      view.entities = shown.entities;
      view.map = &map;
      const auto command = bots[i].decide(view);
      if (!command) continue;
      if (battle.give(i, *command).accepted()) {
        ++tally.accepted[static_cast<std::size_t>(command->action)];
      } else {
        ++tally.refused;
      }
    }
    battle.step();
  }
  tally.finished += battle.rules->finished() ? 1 : 0;
}

TEST(duel_bot, bots_among_themselves_play_lively_and_legal_matches_that_end) {
  constexpr u32 matches = 24;
  for (const std::size_t lag : {std::size_t{0}, std::size_t{4}}) {
    Tally tally;
    std::array<u32, static_cast<std::size_t>(EventKind::count)> seen{};
    std::array<u32, 2> won{};
    for (u32 i = 0; i < matches; ++i) {
      Battle battle("", i);
      play(battle, {Bot(2 * i + 1), Bot(2 * i + 2)}, lag, tally);
      for (std::size_t kind = 0; kind < seen.size(); ++kind) seen[kind] += battle.seen[kind];
      if (battle.match().winner != kWinnerDraw) ++won[battle.match().winner == kWinnerLeft ? 0 : 1];
    }
    const auto count = [&](EventKind kind) { return seen[static_cast<std::size_t>(kind)]; };
    RecordProperty("commands", static_cast<int>(tally.sent()));
    RecordProperty("refused", static_cast<int>(tally.refused));
    RecordProperty("hits", static_cast<int>(count(EventKind::hit)));
    EXPECT_EQ(tally.finished, matches);
    EXPECT_LT(tally.refused * 20, tally.sent()) << "bots know the rules";
    EXPECT_GT(count(EventKind::knockout), matches) << "most rounds are not decided by the clock";
    EXPECT_GT(count(EventKind::hit), 10 * matches);
    EXPECT_GT(count(EventKind::block), 2 * matches);
    EXPECT_GT(count(EventKind::thrown), matches / 2);
    EXPECT_GT(count(EventKind::fizzle), matches / 4);
    EXPECT_GT(std::min(won[0], won[1]), matches / 6) << "the sides are equal";
    // About what a person sends: a few commands a second.
    EXPECT_LT(u64{tally.sent()} * 10, u64{tally.ticks} * 2);
  }
}

TEST(duel_bot, without_its_fighter_the_other_or_the_stage_it_keeps_quiet) {
  Battle battle;
  battle.begin();
  const MapDescription map = decode_map_description(battle.rules->map_description()).value();
  const auto seen = see(battle.rules->world());
  Bot bot(1);
  for (Tick tick = 1; tick < 200; ++tick) {
    BotView view;
    view.tick = tick;
    view.self = battle.id(0);
    EXPECT_FALSE(bot.decide(view).has_value());
    view.entities = seen;
    EXPECT_FALSE(bot.decide(view).has_value());
    view.map = &map;
    view.entities = std::span(seen).first(1);
    EXPECT_FALSE(bot.decide(view).has_value());
    view.self = make_entity_id(kFighterTable, 7, 0);
    view.entities = seen;
    EXPECT_FALSE(bot.decide(view).has_value());
  }
}

TEST(duel_bot, outside_the_fight_it_keeps_quiet) {
  Battle battle;
  ASSERT_TRUE(battle.join(0).accepted());
  ASSERT_TRUE(battle.join(1).accepted());
  battle.step();
  const MapDescription map = decode_map_description(battle.rules->map_description()).value();
  Bot bot(1);
  for (Tick tick = 1; tick < 90; ++tick) {
    const auto seen = see(battle.rules->world());
    BotView view;
    view.tick = tick;
    view.self = battle.id(0);
    view.entities = seen;
    view.map = &map;
    EXPECT_FALSE(bot.decide(view).has_value());
    battle.step();
  }
}

TEST(duel_bot, the_same_seed_and_sight_give_the_same_commands) {
  std::array<u64, 2> hashes{};
  for (u64& hash : hashes) {
    Battle battle("", 12);
    Tally tally;
    play(battle, {Bot(7), Bot(8)}, 2, tally);
    hash = battle.hash();
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

}  // namespace
}  // namespace drumline::duel::testing
