// What a duel consists of. Order and types are the state's shape; the first nine
// fields of a fighter, the four of a projectile and the first six of the match are
// what clients are sent (duel_view.hpp names them).
#pragma once

#include "duel_view/duel_view.hpp"
#include "world/schema.hpp"

namespace drumline::duel {

using world::Fixed;

// 15 signed bits of 1/256 unit: along the stage up to 64 units; 13: up to 16 high.
inline constexpr world::WireField kSentX{
    .bits = 15, .shift = kSentPositionShift, .role = world::FieldRole::position_x};
inline constexpr world::WireField kSentY{
    .bits = 13, .shift = kSentPositionShift, .role = world::FieldRole::position_y};

/// What a fighter does as soon as he is free: one command, or nothing.
enum class Queued : u8 { none, jump, light, heavy, grab, dash_left, dash_right, special };

/// Slot 0 starts on the left. What the player holds (walk, kFlagGuard) stays until
/// he says otherwise, so that no command from him is the best guess at his next one.
struct Fighter {
  Fixed x, y;       ///< the feet; y above the ground
  u8 flags;         ///< FighterFlag
  u16 health;       ///< points
  u8 meter;         ///< points
  u8 stance;        ///< Stance
  u8 stance_ticks;  ///< since it began, up to 255
  u8 combo;         ///< hits taken since he was last free
  u8 rounds;        ///< won
  i32 velocity_x;   ///< fixed-point raw length a tick
  i32 velocity_y;
  i8 walk;           ///< held: -1, 0 or 1
  u8 queued;         ///< Queued
  u8 stance_length;  ///< ticks until he is free again; 0: something else ends the stance
  u32 seat;

  static constexpr auto kFields = world::fields(
      world::field("x", &Fighter::x, kSentX), world::field("y", &Fighter::y, kSentY),
      world::field("flags", &Fighter::flags, {.bits = 4}),
      world::field("health", &Fighter::health, {.bits = 10}),
      world::field("meter", &Fighter::meter, {.bits = 7}),
      world::field("stance", &Fighter::stance, {.bits = 4}),
      world::field("stance_ticks", &Fighter::stance_ticks, {.bits = 8}),
      world::field("combo", &Fighter::combo, {.bits = 4}),
      world::field("rounds", &Fighter::rounds, {.bits = 3}), world::field("velocity_x", &Fighter::velocity_x),
      world::field("velocity_y", &Fighter::velocity_y), world::field("walk", &Fighter::walk),
      world::field("queued", &Fighter::queued), world::field("stance_length", &Fighter::stance_length),
      world::field("seat", &Fighter::seat));
};

/// Each fighter has one in flight at most. It flies level until it meets somebody
/// or the stage ends.
struct Projectile {
  Fixed x, y;  ///< the centre
  u8 owner;    ///< slot of the fighter
  u8 left;     ///< 1: flies towards the left edge

  static constexpr auto kFields =
      world::fields(world::field("x", &Projectile::x, kSentX), world::field("y", &Projectile::y, kSentY),
                    world::field("owner", &Projectile::owner, {.bits = 1}),
                    world::field("left", &Projectile::left, {.bits = 1}));
};

/// One row. It has a place so that it is sent.
struct Match {
  Fixed x, y;
  u8 phase;   ///< Phase
  u8 round;   ///< from 1; 0 before the first
  u8 winner;  ///< Winner
  u32 until;  ///< tick at which the phase ends, low 32 bits (2 years); 0 while it waits
  u8 called;  ///< 1: it is to end now (kTellEndMatch)

  static constexpr auto kFields = world::fields(
      world::field("x", &Match::x, kSentX), world::field("y", &Match::y, kSentY),
      world::field("phase", &Match::phase, {.bits = 3}), world::field("round", &Match::round, {.bits = 4}),
      world::field("winner", &Match::winner, {.bits = 2}), world::field("until", &Match::until, {.bits = 32}),
      world::field("called", &Match::called));
};

}  // namespace drumline::duel
