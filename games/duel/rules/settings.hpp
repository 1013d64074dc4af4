// The rules document: the numbers that designers change, read once and turned
// into the units of the simulation.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"
#include "rules_document/units.hpp"

namespace drumline::duel {

/// The document's numbers as written, in the units of their keys.
struct Settings {
  struct Stage {
    i64 width_milliunits, height_milliunits, start_gap_milliunits;
  } stage;
  struct Match {
    i64 best_of_rounds, round_ms, intro_ms, pause_ms, epilogue_ms;
  } match;
  struct Fighter {
    i64 health_points, half_width_milliunits, body_height_milliunits, walk_milliunits_per_s,
        jump_milliunits_per_s, jump_walk_milliunits_per_s, gravity_milliunits_per_s2,
        friction_milliunits_per_s2, lift_milliunits_per_s, down_ms, buffer_ms;
  } fighter;
  struct Strike {
    i64 startup_ms, active_ms, recovery_ms, damage_points, reach_milliunits, rise_milliunits, hit_stun_ms,
        block_stun_ms, push_milliunits_per_s;
  } light, heavy;
  struct Throw {
    i64 startup_ms, active_ms, recovery_ms, damage_points, reach_milliunits, push_milliunits_per_s, break_ms;
  } grab;
  struct Dash {
    i64 duration_ms, recovery_ms, speed_milliunits_per_s;
  } dash;
  struct Special {
    i64 startup_ms, recovery_ms, cost_points, damage_points, speed_milliunits_per_s, radius_milliunits,
        height_milliunits, hit_stun_ms, block_stun_ms, push_milliunits_per_s;
  } special;
  struct Guard {
    i64 chip_percent;
  } guard;
  struct Combo {
    i64 max_hits, damage_percent;
  } combo;
  struct Meter {
    i64 max_points, start_points, hit_points, hurt_points, block_points;
  } meter;
};

/// games/duel/rules.toml as it was when the module was built.
std::string_view default_rules_document();

/// Reads a document over the defaults. An error names the line or the key, what
/// it holds and what is allowed.
Result<Settings> read_settings(std::string_view document);

using rules_document::raw_of_milliunits;
using rules_document::raw_per_tick;
using rules_document::raw_per_tick2;
using rules_document::ticks_of_ms;

}  // namespace drumline::duel
