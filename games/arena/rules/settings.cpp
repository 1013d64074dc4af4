#include "arena/settings.hpp"

#include <array>

#include "rules_document/document.hpp"
#include "world/visibility.hpp"

namespace drumline::arena {
namespace {

using rules_document::Key;

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
      {"teams", "count", &s.teams.count, 0, world::kMaxTeams},
      {"teams", "sight_milliunits", &s.teams.sight_milliunits, 0, 200'000},
      {"lag_compensation", "max_ms", &s.lag_compensation.max_ms, 0, 240},
  });
}

}  // namespace

Result<Settings> read_settings(std::string_view document) {
  Settings settings{};
  if (auto read = rules_document::read_over("arena", document, default_rules_document(), keys_of(settings));
      !read) {
    return std::move(read).error();
  }
  return settings;
}

}  // namespace drumline::arena
