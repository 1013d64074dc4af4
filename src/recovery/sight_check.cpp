#include "recovery/sight_check.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "broadcast/schema.hpp"
#include "recording/player.hpp"
#include "recovery/folder_history.hpp"

namespace drumline::recovery {
namespace {

constexpr std::size_t kDifferencesNamed = 10;

/// As it goes over the wire (docs/formats/state-frame.md), but not by the encoder's own code.
i64 wire_value(const world::TableBase& table, const broadcast::SentField& field, u32 slot) {
  const i64 value = table.value(field.column, slot);
  // Unsigned 64-bit columns are the only ones whose sign bit is none.
  const bool above_all = value < 0 && !field.is_signed && field.type == world::FieldType::u64;
  const i64 highest = (i64{1} << (field.is_signed ? field.bits - 1 : field.bits)) - 1;
  const i64 lowest = field.is_signed ? -highest - 1 : 0;
  if (above_all)
    return static_cast<i64>(std::min(static_cast<u64>(value) >> field.shift, static_cast<u64>(highest)));
  return std::clamp(value >> field.shift, lowest, highest);
}

/// What is wrong with it; empty when nothing is.
std::string difference(const broadcast::Sight& sight, const world::World& world,
                       const broadcast::Schema& schema) {
  const auto is_its = [&](const broadcast::SentTable& table) {
    return table.index == entity_table(sight.entity);
  };
  const auto sent = std::ranges::find_if(schema, is_its);
  const auto where = [&] {
    return fmt::format("battle {} tick {} entity {:#x}", sight.battle.value, sight.tick, sight.entity.value);
  };
  if (sent == schema.end()) return where() + ": its table is not sent";
  const world::TableBase& table = world.table(sent->index);
  if (!table.holds(sight.entity)) return where() + " did not live";
  if (sight.values.size() != sent->fields.size())
    return fmt::format("{}: {} values instead of {}", where(), sight.values.size(), sent->fields.size());
  for (std::size_t f = 0; f < sent->fields.size(); ++f) {
    const i64 truth = wire_value(table, sent->fields[f], entity_slot(sight.entity));
    if (sight.values[f] == truth) continue;
    return fmt::format("{}: {}.{} was shown as {} and was {}", where(), sent->name, sent->fields[f].name,
                       sight.values[f], truth);
  }
  return {};
}

Result<void> check_battle(recording::History& history, const world::Game& game,
                          std::span<const broadcast::Sight> sights, SightCheck& check) {
  recording::Player player(history, game);
  broadcast::Schema schema;
  Tick at = -1;
  for (const broadcast::Sight& sight : sights) {
    if (sight.tick != at) {
      if (auto sought = player.seek(sight.tick); !sought) return sought;
      if (player.difference()) return *player.difference();
      if (schema.empty()) schema = broadcast::sent_schema(player.battle()->world());
      at = sight.tick;
      ++check.ticks;
    }
    ++check.sights;
    std::string wrong = difference(sight, player.battle()->world(), schema);
    if (wrong.empty()) continue;
    ++check.different;
    if (check.first_differences.size() < kDifferencesNamed)
      check.first_differences.push_back(std::move(wrong));
  }
  return {};
}

}  // namespace

Result<SightCheck> check_sights(env::FileSystem& files, const std::string& path, const GameLookup& lookup,
                                std::vector<broadcast::Sight> sights) {
  // Going through a battle is cheap in the order of its ticks.
  std::ranges::sort(sights, {},
                    [](const broadcast::Sight& s) { return std::tuple(s.battle, s.tick, s.entity); });
  SightCheck check;
  for (std::size_t begin = 0, end = 0; begin < sights.size(); begin = end) {
    while (end < sights.size() && sights[end].battle == sights[begin].battle) ++end;
    auto history = open_history(files, path, sights[begin].battle);
    if (!history) return std::move(history).error();
    const world::Game* const game = lookup((*history)->info().game);
    if (game == nullptr) return unknown_game((*history)->info());
    ++check.battles;
    const auto of_battle = std::span(sights).subspan(begin, end - begin);
    if (auto checked = check_battle(**history, *game, of_battle, check); !checked)
      return std::move(checked).error();
  }
  return check;
}

}  // namespace drumline::recovery
