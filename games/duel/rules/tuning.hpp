// The rules document's numbers in the units of the simulation: lengths as
// Fixed, speeds in raw length a tick, times in ticks.
#pragma once

#include "duel/components.hpp"
#include "duel/settings.hpp"

namespace drumline::duel {

/// What meets a body, from a strike or a projectile.
struct Blow {
  u32 damage = 0;
  u8 hit_stun = 0;
  u8 block_stun = 0;
  i32 push = 0;
};

/// A move whose reach counts from startup for `active` ticks; `length` is all of it.
struct Move {
  u8 startup = 0;
  u8 active = 0;
  u8 length = 0;
  Fixed reach;
  Fixed rise;

  bool is_active(u8 stance_ticks) const { return stance_ticks >= startup && stance_ticks < startup + active; }
};

struct Tuning {
  explicit Tuning(const Settings& s);

  Fixed stage_width, stage_height, start_gap;
  u8 best_of, rounds_needed;
  u32 round_ticks, intro_ticks, pause_ticks, epilogue_ticks;

  u16 health;
  Fixed half_width, body_height;
  i32 walk, jump, jump_walk, gravity, friction, lift;
  u8 down_ticks, buffer_ticks;

  Move light, heavy, grab, special;
  Blow light_blow, heavy_blow, special_blow;
  u32 throw_damage;
  i32 throw_push;
  u8 throw_break_ticks;
  u8 dash_ticks, dash_length;
  i32 dash;
  u8 special_cost;
  i32 projectile_speed;
  Fixed projectile_radius, projectile_height;

  u32 chip_percent, combo_damage_percent;
  u8 combo_max_hits;
  u8 meter_max, meter_start, meter_hit, meter_hurt, meter_block;
};

}  // namespace drumline::duel
