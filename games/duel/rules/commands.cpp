// What a player may do and what his command sets: what he holds, or the one action
// that his fighter does next. Effects come in the step.
#include "duel/duel_rules.hpp"
#include "duel/fighter.hpp"

namespace drumline::duel {
namespace {

using world::Action;
using world::Command;
using world::Refusal;

bool within(i32 value) {
  return value >= -kDirectionLimit && value <= kDirectionLimit;
}
bool is_jump(const Command& command) {
  return command.y > kStickThreshold;
}

// Queued::none for what there is not.
Queued action_of(const Command& command, bool faces_left) {
  if (command.action == Action::attack) return Queued::light;
  if (command.action == Action::move) return is_jump(command) ? Queued::jump : Queued::none;
  switch (command.skill) {
    case kSkillHeavy:
      return Queued::heavy;
    case kSkillThrow:
      return Queued::grab;
    case kSkillDash: {
      const bool left = command.x == 0 ? faces_left : command.x < 0;
      return left ? Queued::dash_left : Queued::dash_right;
    }
    case kSkillSpecial:
      return Queued::special;
    default:
      return Queued::none;
  }
}

}  // namespace

Refusal DuelRules::check(PlayerSlot player, const Command& command) const {
  const u32 slot = row_of(player);
  if (slot == kNobody) return world::kRefusedNoSeat;
  if (command.entity != fighters_.id_of(slot)) return world::kRefusedNotYours;
  switch (command.action) {
    case Action::move:
      if (!within(command.x) || !within(command.y)) return world::kRefusedTooFast;
      return is_jump(command) ? check_action(slot, Queued::jump) : world::kAccepted;
    case Action::turn:
      return check_turn(slot, command);
    case Action::attack:
      // There is one to hit, or nobody is named.
      if (command.target.value != 0 &&
          (!fighters_.holds(command.target) || command.target == command.entity)) {
        return world::kRefusedBadTarget;
      }
      return check_action(slot, Queued::light);
    case Action::skill: {
      const Queued action = action_of(command, false);
      return action == Queued::none ? Refusal{kRefusedUnknownSkill} : check_action(slot, action);
    }
    case Action::none:
      break;
  }
  return world::kRefusedUnknownAction;
}

Refusal DuelRules::check_turn(u32 slot, const Command& command) const {
  if (command.x == 0) return Refusal{kRefusedNoDirection};
  const Fighter fighter = take_row(fighters_, slot);
  if (stance_of(fighter) == Stance::out) return world::kRefusedDead;
  if (in_the_air(fighter)) return Refusal{kRefusedInTheAir};
  return is_free(stance_of(fighter)) ? world::kAccepted : world::kRefusedCooldown;
}

// One action waits at a time, and only for so long as the rules' buffer.
Refusal DuelRules::check_action(u32 slot, Queued action) const {
  const Fighter fighter = take_row(fighters_, slot);
  if (stance_of(fighter) == Stance::out) return world::kRefusedDead;
  if (phase() != Phase::fight) return Refusal{kRefusedRoundNotOn};
  if (fighter.queued != static_cast<u8>(Queued::none)) return world::kRefusedTooFast;
  const bool on_ground_only = action != Queued::light && action != Queued::heavy;
  if (on_ground_only && in_the_air(fighter)) return Refusal{kRefusedInTheAir};
  if (action == Queued::special) {
    if (fighter.meter < tuning_.special_cost) return Refusal{kRefusedNoMeter};
    if (has_projectile(projectiles_, slot)) return world::kRefusedCooldown;
  }
  if (is_free(stance_of(fighter))) return world::kAccepted;
  if (fighter.stance_length == 0) return world::kRefusedCooldown;
  const int left = fighter.stance_length - fighter.stance_ticks;
  return left <= tuning_.buffer_ticks ? world::kAccepted : world::kRefusedCooldown;
}

void DuelRules::apply(PlayerSlot player, const Command& command) {
  const u32 slot = row_of(player);
  DRUM_ASSERT(slot != kNobody);
  u8& flags = fighters_.at<&Fighter::flags>(slot);
  const bool left = (flags & kFlagFacesLeft) != 0;
  switch (command.action) {
    case Action::turn:
      flags = static_cast<u8>((flags & ~kFlagFacesLeft) | (command.x < 0 ? kFlagFacesLeft : 0));
      return;
    case Action::move: {
      const int walk = command.x > kStickThreshold ? 1 : command.x < -kStickThreshold ? -1 : 0;
      fighters_.at<&Fighter::walk>(slot) = static_cast<i8>(walk);
      flags = static_cast<u8>((flags & ~kFlagGuard) | (command.y < -kStickThreshold ? kFlagGuard : 0));
      if (!is_jump(command)) return;
      break;
    }
    case Action::attack:
    case Action::skill:
    case Action::none:
      break;
  }
  fighters_.at<&Fighter::queued>(slot) = static_cast<u8>(action_of(command, left));
}

}  // namespace drumline::duel
