// What a client of arena must know: the numbers of actions, skills, events and
// flags, and the fields of what it is sent. Shared by the rules and the bots, and
// mirrored by the web client.
#pragma once

#include <array>
#include <string_view>

#include "base/types.hpp"

namespace drumline::arena {

/// Tables in the order of the world; the table part of an EntityId.
inline constexpr u8 kPlayerTable = 0;
inline constexpr u8 kPickupTable = 1;

/// Values of a player as clients are sent them, in this order.
enum PlayerField : std::size_t {
  kPlayerX,        ///< 1/32 unit
  kPlayerY,        ///< 1/32 unit
  kPlayerHeading,  ///< 128 to a full turn; 0 is +x, 32 is +y
  kPlayerHealth,   ///< points, rounded down
  kPlayerFlags,    ///< PlayerFlag bits
  kPlayerScore,    ///< up to 4,095, then that
  kPlayerFieldCount,
};

/// Values of a pickup as clients are sent them.
enum PickupField : std::size_t {
  kPickupX,
  kPickupY,
  kPickupKind,  ///< PickupKind
  kPickupFieldCount,
};

/// Fractional bits of sent positions: value >> kSentPositionShift of the fixed-point raw value.
inline constexpr int kSentPositionShift = 11;
inline constexpr int kSentHeadingShift = 9;

enum PlayerFlag : u8 {
  kFlagDead = 1,
  kFlagProtected = 2,  ///< takes no damage
  kFlagAway = 4,       ///< the connection is gone; the body stands there
  kFlagMoving = 8,
  kFlagFast = 16,
  kFlagWarded = 32,
  kFlagStrong = 64,
  kFlagDashing = 128,
};

enum class PickupKind : u8 { heal = 0, speed = 1, damage = 2 };
inline constexpr u8 kPickupKinds = 3;

enum Skill : u8 { kSkillDash = 0, kSkillWard = 1, kSkillBlast = 2, kSkillCount = 3 };

/// What the fields of an event mean; x, y is where it happened.
enum class EventKind : u8 {
  melee,   ///< source swings at target
  shot,    ///< source shoots; a: heading 0 .. 65535, b: how far it flies, 1/32 unit
  hit,     ///< source hurts target; a: damage in points, b: health left in points
  miss,    ///< a shot of source ends at an obstacle
  death,   ///< source killed target
  spawn,   ///< source appears
  dash,    ///< source; a: heading
  ward,    ///< source; a: points healed
  blast,   ///< source; a: radius, 1/32 unit
  pickup,  ///< source takes; a: PickupKind
  count,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(EventKind::count)> kEventNames = {
    "melee", "shot", "hit", "miss", "death", "spawn", "dash", "ward", "blast", "pickup"};

/// Refusals of arena's own.
enum RefusalCode : u16 {
  kRefusedUnknownSkill = 100,
  kRefusedNoDirection = 101,   ///< an aim or a heading of (0, 0)
  kRefusedBadDirection = 102,  ///< a component beyond ±32767
  kRefusedTargetProtected = 103,
};

/// Components of a direction lie in ±this; a move vector may be this long.
inline constexpr i32 kDirectionLimit = 32767;

}  // namespace drumline::arena
