// What a client of duel must know: the numbers of skills, stances, phases, events
// and refusals, and the fields of what it is sent. Shared by the rules and the bots.
#pragma once

#include <array>
#include <string_view>

#include "base/types.hpp"

namespace drumline::duel {

inline constexpr u32 kFighters = 2;

/// Tables in the order of the world; the table part of an EntityId.
inline constexpr u8 kFighterTable = 0;
inline constexpr u8 kProjectileTable = 1;
inline constexpr u8 kMatchTable = 2;

/// Values of a fighter as clients are sent them, in this order.
enum FighterField : std::size_t {
  kFighterX,            ///< 1/256 unit along the stage, from its left edge
  kFighterY,            ///< 1/256 unit; height of the feet above the ground
  kFighterFlags,        ///< FighterFlag bits
  kFighterHealth,       ///< points
  kFighterMeter,        ///< points
  kFighterStance,       ///< Stance
  kFighterStanceTicks,  ///< since the stance began; 255 is that or more
  kFighterCombo,        ///< hits taken since it was last free to act
  kFighterRounds,       ///< won
  kFighterFieldCount,
};

/// Values of a projectile as clients are sent them.
enum ProjectileField : std::size_t {
  kProjectileX,      ///< as a fighter's
  kProjectileY,      ///< of its centre
  kProjectileOwner,  ///< slot of the fighter whose it is
  kProjectileLeft,   ///< 1: it flies towards the left edge
  kProjectileFieldCount,
};

/// Values of the one row of the match as clients are sent them.
enum MatchField : std::size_t {
  kMatchX,  ///< the middle of the stage
  kMatchY,
  kMatchPhase,   ///< Phase
  kMatchRound,   ///< 1 is the first; 0 while it waits
  kMatchWinner,  ///< Winner: of the round in a pause, of the match when it is over
  kMatchUntil,   ///< the tick at which the phase ends, low 32 bits; 0 while it waits
  kMatchFieldCount,
};

/// Fractional bits of sent positions: value >> kSentPositionShift of the fixed-point raw value.
inline constexpr int kSentPositionShift = 8;

enum FighterFlag : u8 {
  kFlagFacesLeft = 1,
  kFlagAway = 2,   ///< the connection is gone; the body stands there
  kFlagGuard = 4,  ///< the player holds guard; whether the fighter does, his stance says
  kFlagSpent = 8,  ///< the attack under way has met somebody and meets nobody again
};

/// What a fighter is doing. In the first four he is free to act.
enum class Stance : u8 {
  idle,
  walk,
  guard,
  jump,  ///< in the air, not attacking
  light,
  heavy,
  grab,
  dash,
  special,
  hit,    ///< reels from a hit
  block,  ///< holds against a blow
  down,   ///< on the ground; cannot be hit
  out,    ///< knocked out: until the next round
  count,
};
constexpr bool is_free(Stance stance) {
  return stance <= Stance::jump;
}

enum class Phase : u8 {
  waiting,  ///< for a second fighter
  intro,    ///< of a round; nobody moves
  fight,
  pause,  ///< after a round
  over,   ///< the match is decided
  count,
};

/// Who won; a fighter's slot + 1.
enum Winner : u8 { kWinnerNone = 0, kWinnerLeft = 1, kWinnerRight = 2, kWinnerDraw = 3 };

enum Skill : u8 { kSkillHeavy = 0, kSkillThrow = 1, kSkillDash = 2, kSkillSpecial = 3, kSkillCount = 4 };

/// What the fields of an event mean; x, y is where it happened.
enum class EventKind : u8 {
  round,        ///< a round's intro begins; a: its number
  fight,        ///< its fight begins; a: its number
  act,          ///< source begins to jump, attack or dash; a: Stance
  hit,          ///< source hits target; a: damage, b: hits of this combo so far
  block,        ///< target blocks source's blow; a: damage all the same
  thrown,       ///< source throws target; a: damage
  throw_break,  ///< both tried to throw
  fizzle,       ///< source's projectile ends without having met a fighter
  knockout,     ///< target has no health left
  round_over,   ///< source won the round, or nobody; a: its number
  match_over,   ///< source won the match, or nobody; a, b: rounds of slots 0 and 1
  count,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(EventKind::count)> kEventNames = {
    "round",       "fight",  "act",      "hit",        "block",     "thrown",
    "throw_break", "fizzle", "knockout", "round_over", "match_over"};

/// Refusals of duel's own.
enum RefusalCode : u16 {
  kRefusedDuelFull = 100,     ///< two fight already
  kRefusedDuelDecided = 101,  ///< the match has begun and lost a fighter, or is over
  kRefusedUnknownSkill = 102,
  kRefusedNoDirection = 103,  ///< a turn towards neither side
  kRefusedRoundNotOn = 104,   ///< nobody acts outside a round's fight
  kRefusedInTheAir = 105,     ///< it takes feet on the ground
  kRefusedNoMeter = 106,      ///< the special costs more than there is
};

/// Components of a move lie in ±this. Beyond ±kStickThreshold they count.
inline constexpr i32 kDirectionLimit = 32767;
inline constexpr i32 kStickThreshold = 8192;

/// First byte of a message that the battle takes from outside (Rules::on_tell).
enum Tell : u8 {
  kTellRoundTimer = 1,  ///< then u16, little-endian: the round's fight ends in so many seconds
  kTellEndMatch = 2,    ///< nothing more: the match ends now, for who leads
};

/// The question that the battle answers (Rules::on_ask): the state of the match as text.
inline constexpr std::string_view kAskScore = "score";

}  // namespace drumline::duel
