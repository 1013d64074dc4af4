// What an arena consists of. Order and types are the state's shape; the first
// six fields of a player and the three of a pickup are what clients are sent
// (arena_view.hpp names them).
#pragma once

#include "arena_view/arena_view.hpp"
#include "world/schema.hpp"

namespace drumline::arena {

using world::Fixed;

// 18 signed bits of 1/32 unit: positions up to 4,096 units.
inline constexpr u8 kSentPositionBits = 18;
inline constexpr world::WireField kSentX{
    .bits = kSentPositionBits, .shift = kSentPositionShift, .role = world::FieldRole::position_x};
inline constexpr world::WireField kSentY{
    .bits = kSentPositionBits, .shift = kSentPositionShift, .role = world::FieldRole::position_y};

/// Health is counted in 1/256 point, so that a tick's regeneration is a whole number.
inline constexpr int kHealthShift = 8;

/// What the next step does for a player, besides moving him.
enum Pending : u8 {
  kPendingMelee = 1,
  kPendingShot = 2,
  kPendingDash = 4,
  kPendingWard = 8,
  kPendingBlast = 16,
  kPendingSpawn = 32,  ///< he joined: tell the others
};

/// Times are ticks, low 32 bits (2 years): *_ready: from then on allowed again;
/// *_until: holds before then, while its flag is set.
struct Player {
  Fixed x, y;
  u16 heading;  ///< binary angle
  u16 health;   ///< 1/256 point
  u8 flags;     ///< PlayerFlag
  u32 score;

  u8 pending;  ///< Pending
  i16 move_x;  ///< as commanded: 32767 is full speed
  i16 move_y;
  u16 aim;           ///< of the pending shot
  u16 dash_heading;  ///< while dashing
  u32 seat;
  u64 target;  ///< of the pending melee
  u32 attack_ready;
  u32 dash_ready;
  u32 ward_ready;
  u32 blast_ready;
  u32 dash_until;
  u32 ward_until;
  u32 fast_until;
  u32 strong_until;
  u32 phase_until;      ///< dead: comes back then; protected: until then
  u32 regeneration_at;  ///< heals from then on

  static constexpr auto kFields = world::fields(
      world::field("x", &Player::x, kSentX), world::field("y", &Player::y, kSentY),
      world::field("heading", &Player::heading, {.bits = 7, .shift = kSentHeadingShift}),
      world::field("health", &Player::health, {.bits = 8, .shift = kHealthShift}),
      world::field("flags", &Player::flags, {.bits = 8}), world::field("score", &Player::score, {.bits = 12}),
      world::field("pending", &Player::pending), world::field("move_x", &Player::move_x),
      world::field("move_y", &Player::move_y), world::field("aim", &Player::aim),
      world::field("dash_heading", &Player::dash_heading), world::field("seat", &Player::seat),
      world::field("target", &Player::target), world::field("attack_ready", &Player::attack_ready),
      world::field("dash_ready", &Player::dash_ready), world::field("ward_ready", &Player::ward_ready),
      world::field("blast_ready", &Player::blast_ready), world::field("dash_until", &Player::dash_until),
      world::field("ward_until", &Player::ward_until), world::field("fast_until", &Player::fast_until),
      world::field("strong_until", &Player::strong_until), world::field("phase_until", &Player::phase_until),
      world::field("regeneration_at", &Player::regeneration_at));
};

struct Pickup {
  Fixed x, y;
  u8 kind;  ///< PickupKind

  static constexpr auto kFields =
      world::fields(world::field("x", &Pickup::x, kSentX), world::field("y", &Pickup::y, kSentY),
                    world::field("kind", &Pickup::kind, {.bits = 2}));
};

/// A pickup that was taken, until it comes back.
struct PickupReturn {
  u32 due;
  static constexpr auto kFields = world::fields(world::field("due", &PickupReturn::due));
};

/// A shot in flight. Clients are told of its launch only.
struct Projectile {
  Fixed x, y;
  i32 velocity_x, velocity_y;  ///< fixed-point raw length a tick
  u64 owner;
  u16 damage;  ///< 1/256 point
  u16 ticks_left;

  static constexpr auto kFields = world::fields(
      world::field("x", &Projectile::x), world::field("y", &Projectile::y),
      world::field("velocity_x", &Projectile::velocity_x),
      world::field("velocity_y", &Projectile::velocity_y), world::field("owner", &Projectile::owner),
      world::field("damage", &Projectile::damage), world::field("ticks_left", &Projectile::ticks_left));
};

/// Row i is the engine's player slot i.
struct Seat {
  u64 entity;  ///< EntityId value; 0 nobody sits here
  static constexpr auto kFields = world::fields(world::field("entity", &Seat::entity));
};

/// Stays as it is for the battle's life. Clients get it in the map description.
struct ObstacleRow {
  u8 shape;  ///< ObstacleShape
  Fixed x, y, half_width, half_height;

  static constexpr auto kFields =
      world::fields(world::field("shape", &ObstacleRow::shape), world::field("x", &ObstacleRow::x),
                    world::field("y", &ObstacleRow::y), world::field("half_width", &ObstacleRow::half_width),
                    world::field("half_height", &ObstacleRow::half_height));
};

}  // namespace drumline::arena
