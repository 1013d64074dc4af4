// The rules document: the numbers that designers change, read once and turned
// into the units of the simulation.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"
#include "rules_document/units.hpp"

namespace drumline::arena {

/// The document's numbers as written, in the units of their keys.
struct Settings {
  struct Map {
    i64 area_per_player_units2, obstacle_every_units2, pickup_every_units2;
  } map;
  struct Player {
    i64 health_points, regeneration_millipoints_per_s, regeneration_pause_ms, speed_milliunits_per_s,
        radius_milliunits, respawn_ms, protection_ms;
  } player;
  struct Melee {
    i64 damage_points, range_milliunits, cooldown_ms;
  } melee;
  struct Shot {
    i64 damage_points, speed_milliunits_per_s, range_milliunits, radius_milliunits, cooldown_ms;
  } shot;
  struct Dash {
    i64 speed_milliunits_per_s, duration_ms, cooldown_ms;
  } dash;
  struct Ward {
    i64 heal_points, damage_taken_percent, duration_ms, cooldown_ms;
  } ward;
  struct Blast {
    i64 damage_points, radius_milliunits, cooldown_ms;
  } blast;
  struct Pickup {
    i64 radius_milliunits, respawn_ms, heal_points, speed_percent, speed_ms, damage_percent, damage_ms;
  } pickup;
  struct Score {
    i64 kill_points, pickup_points;
  } score;
  struct Teams {
    i64 count, sight_milliunits;
  } teams;
  struct LagCompensation {
    i64 max_ms;
  } lag_compensation;
};

/// games/arena/rules.toml as it was when the module was built.
std::string_view default_rules_document();

/// Reads a document over the defaults. An error names the line or the key, what
/// it holds and what is allowed.
Result<Settings> read_settings(std::string_view document);

using rules_document::raw_of_milliunits;
using rules_document::raw_per_tick;
using rules_document::ticks_of_ms;

}  // namespace drumline::arena
