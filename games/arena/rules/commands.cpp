// What a player may do and what his command sets. Effects come in the step.
#include "arena/arena_rules.hpp"
#include "arena/movement.hpp"

namespace drumline::arena {
namespace {

using world::Action;
using world::Command;
using world::Refusal;

bool within(i32 value) {
  return value >= -kDirectionLimit && value <= kDirectionLimit;
}

Refusal check_direction(const Command& command) {
  if (command.x == 0 && command.y == 0) return Refusal{kRefusedNoDirection};
  if (!within(command.x) || !within(command.y)) return Refusal{kRefusedBadDirection};
  return world::kAccepted;
}

Refusal check_move(const Command& command) {
  if (!within(command.x) || !within(command.y)) return world::kRefusedTooFast;
  // One more than the limit, as a client rounds each component by itself.
  constexpr i64 longest = i64{kDirectionLimit} + 1;
  const i64 square = i64{command.x} * command.x + i64{command.y} * command.y;
  return square > longest * longest ? world::kRefusedTooFast : world::kAccepted;
}

}  // namespace

Refusal ArenaRules::check(PlayerSlot player, const Command& command) const {
  const u32 slot = row_of(player);
  if (slot == kNobody) return world::kRefusedNoSeat;
  if (command.entity != players_.id_of(slot)) return world::kRefusedNotYours;
  if ((players_.at<&Player::flags>(slot) & kFlagDead) != 0) return world::kRefusedDead;
  switch (command.action) {
    case Action::move:
      return check_move(command);
    case Action::turn:
      return check_direction(command);
    case Action::attack:
      return check_attack(slot, command);
    case Action::skill:
      return check_skill(slot, command);
    case Action::none:
      break;
  }
  return world::kRefusedUnknownAction;
}

Vector ArenaRules::seen_place_of(u32 slot, const Command& command) const {
  const u32 age = lag_.age_of(command.view_tick, now());
  return age == 0 ? place_of(slot) : lag_.place_at(slot, now() - age);
}

Refusal ArenaRules::check_attack(u32 slot, const Command& command) const {
  if (now() < players_.at<&Player::attack_ready>(slot)) return world::kRefusedCooldown;
  if (command.target.value == 0) return check_direction(command);
  const u32 victim = entity_slot(command.target);
  if (!players_.holds(command.target) || victim == slot) return world::kRefusedBadTarget;
  // First, as nobody is to ask how somebody fares whom he cannot see.
  const u64 range = static_cast<u64>(tuning_.melee_range.raw);
  if (world::raw_length_squared(seen_place_of(victim, command) - place_of(slot)) > range * range) {
    return world::kRefusedOutOfRange;
  }
  const u8 flags = players_.at<&Player::flags>(victim);
  if ((flags & kFlagDead) != 0) return world::kRefusedBadTarget;
  if ((flags & kFlagProtected) != 0) return Refusal{kRefusedTargetProtected};
  return world::kAccepted;
}

Refusal ArenaRules::check_skill(u32 slot, const Command& command) const {
  u32 ready = 0;
  switch (command.skill) {
    case kSkillDash:
      if (!within(command.x) || !within(command.y)) return Refusal{kRefusedBadDirection};
      ready = players_.at<&Player::dash_ready>(slot);
      break;
    case kSkillWard:
      ready = players_.at<&Player::ward_ready>(slot);
      break;
    case kSkillBlast:
      ready = players_.at<&Player::blast_ready>(slot);
      break;
    default:
      return Refusal{kRefusedUnknownSkill};
  }
  return now() < ready ? world::kRefusedCooldown : world::kAccepted;
}

void ArenaRules::apply(PlayerSlot player, const Command& command) {
  const u32 slot = row_of(player);
  DRUM_ASSERT(slot != kNobody);
  u8& flags = players_.at<&Player::flags>(slot);
  u8& pending = players_.at<&Player::pending>(slot);
  u16& heading = players_.at<&Player::heading>(slot);
  switch (command.action) {
    case Action::move:
      players_.at<&Player::move_x>(slot) = static_cast<i16>(command.x);
      players_.at<&Player::move_y>(slot) = static_cast<i16>(command.y);
      if (command.x == 0 && command.y == 0) {
        flags &= static_cast<u8>(~kFlagMoving);
      } else {
        flags |= kFlagMoving;
        heading = heading_of(command);
      }
      return;
    case Action::turn:
      heading = heading_of(command);
      return;
    case Action::attack:
      flags &= static_cast<u8>(~kFlagProtected);
      if (command.target.value != 0) {
        const Vector towards = seen_place_of(entity_slot(command.target), command) - place_of(slot);
        heading = world::atan2(towards.y, towards.x);
        players_.at<&Player::target>(slot) = command.target.value;
        players_.at<&Player::attack_ready>(slot) = now() + tuning_.melee_cooldown;
        pending |= kPendingMelee;
      } else {
        heading = heading_of(command);
        players_.at<&Player::aim>(slot) = heading;
        players_.at<&Player::attack_ready>(slot) = now() + tuning_.shot_cooldown;
        pending |= kPendingShot;
        if (lag_.enabled()) lag_.shot_age(slot) = static_cast<u8>(lag_.age_of(command.view_tick, now()));
      }
      return;
    case Action::skill:
      if (command.skill == kSkillDash) {
        const bool aimed = command.x != 0 || command.y != 0;
        if (aimed) heading = heading_of(command);
        players_.at<&Player::dash_heading>(slot) = heading;
        players_.at<&Player::dash_until>(slot) = now() + tuning_.dash_duration + 1;
        players_.at<&Player::dash_ready>(slot) = now() + tuning_.dash_cooldown;
        flags |= kFlagDashing;
        pending |= kPendingDash;
      } else if (command.skill == kSkillWard) {
        players_.at<&Player::ward_until>(slot) = now() + tuning_.ward_duration + 1;
        players_.at<&Player::ward_ready>(slot) = now() + tuning_.ward_cooldown;
        flags |= kFlagWarded;
        pending |= kPendingWard;
      } else {
        players_.at<&Player::blast_ready>(slot) = now() + tuning_.blast_cooldown;
        flags &= static_cast<u8>(~kFlagProtected);
        pending |= kPendingBlast;
      }
      return;
    case Action::none:
      return;
  }
}

}  // namespace drumline::arena
