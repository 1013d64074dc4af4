#include "duel/settings.hpp"

#include <array>
#include <string>

#include "rules_document/document.hpp"

namespace drumline::duel {
namespace {

using rules_document::Key;

// One line a key: where it goes and what it may hold. The limits keep positions
// and points inside the bits that clients are sent, a move inside the 255 ticks
// that a stance counts, and a projectile from passing through a body in one tick.
auto numbers_of(Settings& s) {
  return std::to_array<Key>({
      {"stage", "width_milliunits", &s.stage.width_milliunits, 6'000, 48'000},
      {"stage", "height_milliunits", &s.stage.height_milliunits, 4'000, 15'000},
      {"stage", "start_gap_milliunits", &s.stage.start_gap_milliunits, 1'000, 40'000},
      {"match", "best_of_rounds", &s.match.best_of_rounds, 1, 9},
      {"match", "round_ms", &s.match.round_ms, 1'000, 600'000},
      {"match", "intro_ms", &s.match.intro_ms, 16, 60'000},
      {"match", "pause_ms", &s.match.pause_ms, 16, 60'000},
      {"match", "epilogue_ms", &s.match.epilogue_ms, 16, 60'000},
      {"fighter", "health_points", &s.fighter.health_points, 1, 1'000},
      {"fighter", "half_width_milliunits", &s.fighter.half_width_milliunits, 200, 1'000},
      {"fighter", "body_height_milliunits", &s.fighter.body_height_milliunits, 1'000, 4'000},
      {"fighter", "walk_milliunits_per_s", &s.fighter.walk_milliunits_per_s, 100, 20'000},
      {"fighter", "jump_milliunits_per_s", &s.fighter.jump_milliunits_per_s, 1'000, 40'000},
      {"fighter", "jump_walk_milliunits_per_s", &s.fighter.jump_walk_milliunits_per_s, 0, 20'000},
      {"fighter", "gravity_milliunits_per_s2", &s.fighter.gravity_milliunits_per_s2, 1'000, 200'000},
      {"fighter", "friction_milliunits_per_s2", &s.fighter.friction_milliunits_per_s2, 1'000, 200'000},
      {"fighter", "lift_milliunits_per_s", &s.fighter.lift_milliunits_per_s, 0, 20'000},
      {"fighter", "down_ms", &s.fighter.down_ms, 16, 3'000},
      {"fighter", "buffer_ms", &s.fighter.buffer_ms, 0, 1'000},
      {"light", "startup_ms", &s.light.startup_ms, 16, 1'000},
      {"light", "active_ms", &s.light.active_ms, 16, 1'000},
      {"light", "recovery_ms", &s.light.recovery_ms, 16, 1'500},
      {"light", "damage_points", &s.light.damage_points, 0, 1'000},
      {"light", "reach_milliunits", &s.light.reach_milliunits, 300, 6'000},
      {"light", "rise_milliunits", &s.light.rise_milliunits, 100, 6'000},
      {"light", "hit_stun_ms", &s.light.hit_stun_ms, 16, 2'000},
      {"light", "block_stun_ms", &s.light.block_stun_ms, 16, 2'000},
      {"light", "push_milliunits_per_s", &s.light.push_milliunits_per_s, 0, 30'000},
      {"heavy", "startup_ms", &s.heavy.startup_ms, 16, 1'000},
      {"heavy", "active_ms", &s.heavy.active_ms, 16, 1'000},
      {"heavy", "recovery_ms", &s.heavy.recovery_ms, 16, 1'500},
      {"heavy", "damage_points", &s.heavy.damage_points, 0, 1'000},
      {"heavy", "reach_milliunits", &s.heavy.reach_milliunits, 300, 6'000},
      {"heavy", "rise_milliunits", &s.heavy.rise_milliunits, 100, 6'000},
      {"heavy", "hit_stun_ms", &s.heavy.hit_stun_ms, 16, 2'000},
      {"heavy", "block_stun_ms", &s.heavy.block_stun_ms, 16, 2'000},
      {"heavy", "push_milliunits_per_s", &s.heavy.push_milliunits_per_s, 0, 30'000},
      {"throw", "startup_ms", &s.grab.startup_ms, 16, 1'000},
      {"throw", "active_ms", &s.grab.active_ms, 16, 1'000},
      {"throw", "recovery_ms", &s.grab.recovery_ms, 16, 1'500},
      {"throw", "damage_points", &s.grab.damage_points, 0, 1'000},
      {"throw", "reach_milliunits", &s.grab.reach_milliunits, 300, 6'000},
      {"throw", "push_milliunits_per_s", &s.grab.push_milliunits_per_s, 0, 30'000},
      {"throw", "break_ms", &s.grab.break_ms, 16, 2'000},
      {"dash", "duration_ms", &s.dash.duration_ms, 16, 1'000},
      {"dash", "recovery_ms", &s.dash.recovery_ms, 0, 1'500},
      {"dash", "speed_milliunits_per_s", &s.dash.speed_milliunits_per_s, 100, 60'000},
      {"special", "startup_ms", &s.special.startup_ms, 16, 1'500},
      {"special", "recovery_ms", &s.special.recovery_ms, 16, 1'500},
      {"special", "cost_points", &s.special.cost_points, 0, 100},
      {"special", "damage_points", &s.special.damage_points, 0, 1'000},
      {"special", "speed_milliunits_per_s", &s.special.speed_milliunits_per_s, 1'000, 20'000},
      {"special", "radius_milliunits", &s.special.radius_milliunits, 50, 1'500},
      {"special", "height_milliunits", &s.special.height_milliunits, 0, 3'000},
      {"special", "hit_stun_ms", &s.special.hit_stun_ms, 16, 2'000},
      {"special", "block_stun_ms", &s.special.block_stun_ms, 16, 2'000},
      {"special", "push_milliunits_per_s", &s.special.push_milliunits_per_s, 0, 30'000},
      {"guard", "chip_percent", &s.guard.chip_percent, 0, 100},
      {"combo", "max_hits", &s.combo.max_hits, 1, 15},
      {"combo", "damage_percent", &s.combo.damage_percent, 0, 100},
      {"meter", "max_points", &s.meter.max_points, 1, 100},
      {"meter", "start_points", &s.meter.start_points, 0, 100},
      {"meter", "hit_points", &s.meter.hit_points, 0, 100},
      {"meter", "hurt_points", &s.meter.hurt_points, 0, 100},
      {"meter", "block_points", &s.meter.block_points, 0, 100},
  });
}

// `key` must not be above `limit`, which is what `reason` says.
Result<void> at_most(const char* key, i64 value, i64 limit, const char* reason) {
  if (value <= limit) return {};
  return Error{ErrorCode::invalid_argument, "duel rules: '" + std::string(key) + "' is " +
                                                std::to_string(value) + "; it must be at most " +
                                                std::to_string(limit) + ", " + reason};
}

}  // namespace

Result<Settings> read_settings(std::string_view document) {
  Settings s{};
  if (auto read = rules_document::read_over("duel", document, default_rules_document(), numbers_of(s));
      !read) {
    return std::move(read).error();
  }

  const i64 room = s.stage.width_milliunits - 2 * s.fighter.half_width_milliunits;
  if (auto fits = at_most("stage.start_gap_milliunits", s.stage.start_gap_milliunits, room,
                          "what the stage's width leaves");
      !fits)
    return std::move(fits).error();
  if (auto fits = at_most("meter.start_points", s.meter.start_points, s.meter.max_points,
                          "which is 'meter.max_points'");
      !fits)
    return std::move(fits).error();
  if (auto fits = at_most("special.cost_points", s.special.cost_points, s.meter.max_points,
                          "which is 'meter.max_points'");
      !fits)
    return std::move(fits).error();
  return s;
}

}  // namespace drumline::duel
