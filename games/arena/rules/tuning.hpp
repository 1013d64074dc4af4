// The rules document's numbers in the units of the simulation.
#pragma once

#include <algorithm>

#include "arena/components.hpp"
#include "arena/settings.hpp"

namespace drumline::arena {

struct Tuning {
  explicit Tuning(const Settings& s)
      : health(points(s.player.health_points)),
        regeneration(
            static_cast<u16>((s.player.regeneration_millipoints_per_s * 256 * 16 + 500'000) / 1'000'000)),
        regeneration_pause(ticks_of_ms(s.player.regeneration_pause_ms)),
        speed(raw_per_tick(s.player.speed_milliunits_per_s)),
        fast_speed(speed * s.pickup.speed_percent / 100),
        radius(length(s.player.radius_milliunits)),
        respawn(ticks_of_ms(s.player.respawn_ms)),
        protection(ticks_of_ms(s.player.protection_ms)),
        melee_damage(points(s.melee.damage_points)),
        melee_range(length(s.melee.range_milliunits)),
        melee_cooldown(ticks_of_ms(s.melee.cooldown_ms)),
        shot_damage(points(s.shot.damage_points)),
        shot_speed(Fixed::from_raw(raw_per_tick(s.shot.speed_milliunits_per_s))),
        shot_range(length(s.shot.range_milliunits)),
        shot_ticks(static_cast<u16>((shot_range.raw + shot_speed.raw - 1) / shot_speed.raw)),
        shot_radius(length(s.shot.radius_milliunits)),
        shot_cooldown(ticks_of_ms(s.shot.cooldown_ms)),
        dash_speed(Fixed::from_raw(raw_per_tick(s.dash.speed_milliunits_per_s))),
        dash_duration(ticks_of_ms(s.dash.duration_ms)),
        dash_cooldown(ticks_of_ms(s.dash.cooldown_ms)),
        ward_heal(points(s.ward.heal_points)),
        ward_damage_percent(static_cast<u32>(s.ward.damage_taken_percent)),
        ward_duration(ticks_of_ms(s.ward.duration_ms)),
        ward_cooldown(ticks_of_ms(s.ward.cooldown_ms)),
        blast_damage(points(s.blast.damage_points)),
        blast_radius(length(s.blast.radius_milliunits)),
        blast_cooldown(ticks_of_ms(s.blast.cooldown_ms)),
        pickup_radius(length(s.pickup.radius_milliunits)),
        pickup_return(ticks_of_ms(s.pickup.respawn_ms)),
        pickup_heal(points(s.pickup.heal_points)),
        fast_duration(ticks_of_ms(s.pickup.speed_ms)),
        strong_percent(static_cast<u32>(s.pickup.damage_percent)),
        strong_duration(ticks_of_ms(s.pickup.damage_ms)),
        kill_score(static_cast<u32>(s.score.kill_points)),
        pickup_score(static_cast<u32>(s.score.pickup_points)),
        teams(static_cast<u32>(s.teams.count)),
        sight(length(s.teams.sight_milliunits)),
        lag_ticks(ticks_of_ms(s.lag_compensation.max_ms)),
        most_speed(std::max(fast_speed, dash_speed.raw)) {}

  // Health in 1/256 point, durations in ticks, speeds in raw length a tick.
  u32 health;
  u32 regeneration;
  u32 regeneration_pause;
  i64 speed, fast_speed;
  Fixed radius;
  u32 respawn, protection;
  u32 melee_damage;
  Fixed melee_range;
  u32 melee_cooldown;
  u32 shot_damage;
  Fixed shot_speed, shot_range;
  u16 shot_ticks;
  Fixed shot_radius;
  u32 shot_cooldown;
  Fixed dash_speed;
  u32 dash_duration, dash_cooldown;
  u32 ward_heal, ward_damage_percent, ward_duration, ward_cooldown;
  u32 blast_damage;
  Fixed blast_radius;
  u32 blast_cooldown;
  Fixed pickup_radius;
  u32 pickup_return, pickup_heal, fast_duration, strong_percent, strong_duration;
  u32 kill_score, pickup_score;
  u32 teams;    ///< 0: everybody for himself
  Fixed sight;  ///< of a team's living; 0: there is no fog
  u32 lag_ticks;
  i64 most_speed;  ///< of a body

 private:
  static u32 points(i64 value) { return static_cast<u32>(value) << kHealthShift; }
  static Fixed length(i64 milliunits) { return Fixed::from_raw(raw_of_milliunits(milliunits)); }
};

}  // namespace drumline::arena
