#include "arena/settings.hpp"

#include <string>

#include <toml++/toml.h>

namespace drumline::arena {
namespace {

struct Key {
  const char* section;
  const char* name;
  i64* value;
  i64 low, high;
};

// One line a key: where it goes and what it may hold. The limits keep lengths
// inside the map's fixed point and counters inside their columns.
auto keys_of(Settings& s) {
  return std::to_array<Key>({
      {"map", "area_per_player_units2", &s.map.area_per_player_units2, 16, 1'000'000},
      {"map", "obstacle_every_units2", &s.map.obstacle_every_units2, 200, 1'000'000'000},
      {"map", "pickup_every_units2", &s.map.pickup_every_units2, 100, 1'000'000'000},
      {"player", "health_points", &s.player.health_points, 1, 255},
      {"player", "regeneration_millipoints_per_s", &s.player.regeneration_millipoints_per_s, 0, 255'000},
      {"player", "regeneration_pause_ms", &s.player.regeneration_pause_ms, 0, 600'000},
      {"player", "speed_milliunits_per_s", &s.player.speed_milliunits_per_s, 100, 50'000},
      {"player", "radius_milliunits", &s.player.radius_milliunits, 100, 1'500},
      {"player", "respawn_ms", &s.player.respawn_ms, 16, 600'000},
      {"player", "protection_ms", &s.player.protection_ms, 0, 60'000},
      {"melee", "damage_points", &s.melee.damage_points, 0, 255},
      {"melee", "range_milliunits", &s.melee.range_milliunits, 100, 20'000},
      {"melee", "cooldown_ms", &s.melee.cooldown_ms, 16, 60'000},
      {"shot", "damage_points", &s.shot.damage_points, 0, 255},
      {"shot", "speed_milliunits_per_s", &s.shot.speed_milliunits_per_s, 1'000, 60'000},
      {"shot", "range_milliunits", &s.shot.range_milliunits, 1'000, 60'000},
      {"shot", "radius_milliunits", &s.shot.radius_milliunits, 0, 1'500},
      {"shot", "cooldown_ms", &s.shot.cooldown_ms, 16, 60'000},
      {"dash", "speed_milliunits_per_s", &s.dash.speed_milliunits_per_s, 100, 60'000},
      {"dash", "duration_ms", &s.dash.duration_ms, 16, 10'000},
      {"dash", "cooldown_ms", &s.dash.cooldown_ms, 16, 60'000},
      {"ward", "heal_points", &s.ward.heal_points, 0, 255},
      {"ward", "damage_taken_percent", &s.ward.damage_taken_percent, 0, 100},
      {"ward", "duration_ms", &s.ward.duration_ms, 16, 60'000},
      {"ward", "cooldown_ms", &s.ward.cooldown_ms, 16, 60'000},
      {"blast", "damage_points", &s.blast.damage_points, 0, 255},
      {"blast", "radius_milliunits", &s.blast.radius_milliunits, 100, 20'000},
      {"blast", "cooldown_ms", &s.blast.cooldown_ms, 16, 60'000},
      {"pickup", "radius_milliunits", &s.pickup.radius_milliunits, 100, 4'000},
      {"pickup", "respawn_ms", &s.pickup.respawn_ms, 16, 600'000},
      {"pickup", "heal_points", &s.pickup.heal_points, 0, 255},
      {"pickup", "speed_percent", &s.pickup.speed_percent, 100, 300},
      {"pickup", "speed_ms", &s.pickup.speed_ms, 16, 60'000},
      {"pickup", "damage_percent", &s.pickup.damage_percent, 100, 1'000},
      {"pickup", "damage_ms", &s.pickup.damage_ms, 16, 60'000},
      {"score", "kill_points", &s.score.kill_points, 0, 1'000},
      {"score", "pickup_points", &s.score.pickup_points, 0, 1'000},
  });
}

Error wrong(const toml::node& node, const std::string& message) {
  return Error{ErrorCode::invalid_argument,
               "arena rules, line " + std::to_string(node.source().begin.line) + ": " + message};
}

std::string shown(const toml::node& node) {
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* text = node.as_string()) return "the text \"" + text->get() + "\"";
  if (node.is_floating_point()) return "a number with a fraction";
  if (node.is_boolean()) return "true or false";
  return node.is_table() ? "a section" : node.is_array() ? "an array" : "a date or time";
}

Result<void> read_section(const std::string& section, const toml::table& table, std::span<const Key> keys) {
  for (const auto& [name, node] : table) {
    const Key* found = nullptr;
    for (const Key& key : keys) {
      if (section == key.section && name.str() == key.name) found = &key;
    }
    const std::string path = section + "." + std::string(name.str());
    if (found == nullptr) return wrong(node, "there is no key '" + path + "'");
    const auto* number = node.as_integer();
    if (number == nullptr || number->get() < found->low || number->get() > found->high) {
      return wrong(node, "'" + path + "' is " + shown(node) + "; it must be an integer from " +
                             std::to_string(found->low) + " to " + std::to_string(found->high));
    }
    *found->value = number->get();
  }
  return {};
}

Result<void> read_over(std::string_view document, Settings& settings) {
  const auto keys = keys_of(settings);
  try {
    const toml::table root = toml::parse(document);
    for (const auto& [name, node] : root) {
      const std::string section(name.str());
      bool known = false;
      for (const Key& key : keys) known = known || section == key.section;
      if (!known) return wrong(node, "there is no section '" + section + "'");
      const toml::table* table = node.as_table();
      if (table == nullptr) {
        return wrong(node, "'" + section + "' is " + shown(node) + "; it must be a section");
      }
      if (Result<void> read = read_section(section, *table, keys); !read) return read;
    }
  } catch (const toml::parse_error& error) {
    return Error{ErrorCode::invalid_argument, "arena rules, line " +
                                                  std::to_string(error.source().begin.line) + ": " +
                                                  std::string(error.description())};
  }
  return {};
}

}  // namespace

Result<Settings> read_settings(std::string_view document) {
  constexpr i64 missing = -1;
  Settings settings{};
  for (const Key& key : keys_of(settings)) *key.value = missing;
  const Result<void> defaults = read_over(default_rules_document(), settings);
  DRUM_ASSERT(defaults.ok());
  for (const Key& key : keys_of(settings)) DRUM_ASSERT(*key.value != missing);
  if (Result<void> read = read_over(document, settings); !read) return std::move(read).error();
  return settings;
}

}  // namespace drumline::arena
