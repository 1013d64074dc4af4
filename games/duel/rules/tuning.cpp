#include "duel/tuning.hpp"

namespace drumline::duel {
namespace {

// The limits of the keys keep all these inside their types.
u8 small(i64 value) {
  return static_cast<u8>(value);
}
u8 ticks(i64 ms) {
  return static_cast<u8>(ticks_of_ms(ms));
}
Fixed length(i64 milliunits) {
  return Fixed::from_raw(raw_of_milliunits(milliunits));
}
i32 speed(i64 milliunits_per_s) {
  return static_cast<i32>(raw_per_tick(milliunits_per_s));
}
i32 acceleration(i64 milliunits_per_s2) {
  return static_cast<i32>(raw_per_tick2(milliunits_per_s2));
}

Move move_of(i64 startup_ms, u8 active, i64 recovery_ms, i64 reach_milliunits, i64 rise_milliunits) {
  Move move;
  move.startup = ticks(startup_ms);
  move.active = active;
  move.length = small(move.startup + active + ticks(recovery_ms));
  move.reach = length(reach_milliunits);
  move.rise = length(rise_milliunits);
  return move;
}

Move move_of(const Settings::Strike& s) {
  return move_of(s.startup_ms, ticks(s.active_ms), s.recovery_ms, s.reach_milliunits, s.rise_milliunits);
}

template <class Section>
Blow blow_of(const Section& s) {
  return {static_cast<u32>(s.damage_points), ticks(s.hit_stun_ms), ticks(s.block_stun_ms),
          speed(s.push_milliunits_per_s)};
}

}  // namespace

Tuning::Tuning(const Settings& s)
    : stage_width(length(s.stage.width_milliunits)),
      stage_height(length(s.stage.height_milliunits)),
      start_gap(length(s.stage.start_gap_milliunits)),
      best_of(small(s.match.best_of_rounds)),
      rounds_needed(small(s.match.best_of_rounds / 2 + 1)),
      round_ticks(ticks_of_ms(s.match.round_ms)),
      intro_ticks(ticks_of_ms(s.match.intro_ms)),
      pause_ticks(ticks_of_ms(s.match.pause_ms)),
      epilogue_ticks(ticks_of_ms(s.match.epilogue_ms)),
      health(static_cast<u16>(s.fighter.health_points)),
      half_width(length(s.fighter.half_width_milliunits)),
      body_height(length(s.fighter.body_height_milliunits)),
      walk(speed(s.fighter.walk_milliunits_per_s)),
      jump(speed(s.fighter.jump_milliunits_per_s)),
      jump_walk(speed(s.fighter.jump_walk_milliunits_per_s)),
      gravity(acceleration(s.fighter.gravity_milliunits_per_s2)),
      friction(acceleration(s.fighter.friction_milliunits_per_s2)),
      lift(speed(s.fighter.lift_milliunits_per_s)),
      down_ticks(ticks(s.fighter.down_ms)),
      buffer_ticks(ticks(s.fighter.buffer_ms)),
      light(move_of(s.light)),
      heavy(move_of(s.heavy)),
      grab(move_of(s.grab.startup_ms, ticks(s.grab.active_ms), s.grab.recovery_ms, s.grab.reach_milliunits,
                   0)),
      special(move_of(s.special.startup_ms, 1, s.special.recovery_ms, 0, 0)),
      light_blow(blow_of(s.light)),
      heavy_blow(blow_of(s.heavy)),
      special_blow(blow_of(s.special)),
      throw_damage(static_cast<u32>(s.grab.damage_points)),
      throw_push(speed(s.grab.push_milliunits_per_s)),
      throw_break_ticks(ticks(s.grab.break_ms)),
      dash_ticks(ticks(s.dash.duration_ms)),
      dash_length(small(dash_ticks + ticks(s.dash.recovery_ms))),
      dash(speed(s.dash.speed_milliunits_per_s)),
      special_cost(small(s.special.cost_points)),
      projectile_speed(speed(s.special.speed_milliunits_per_s)),
      projectile_radius(length(s.special.radius_milliunits)),
      projectile_height(length(s.special.height_milliunits)),
      chip_percent(static_cast<u32>(s.guard.chip_percent)),
      combo_damage_percent(static_cast<u32>(s.combo.damage_percent)),
      combo_max_hits(small(s.combo.max_hits)),
      meter_max(small(s.meter.max_points)),
      meter_start(small(s.meter.start_points)),
      meter_hit(small(s.meter.hit_points)),
      meter_hurt(small(s.meter.hurt_points)),
      meter_block(small(s.meter.block_points)) {}

}  // namespace drumline::duel
