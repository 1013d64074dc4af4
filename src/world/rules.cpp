#include "world/rules.hpp"

namespace drumline::world {

std::string_view engine_refusal_name(Refusal refusal) {
  switch (refusal.code) {
    case kAccepted.code:
      return "accepted";
    case kRefusedNotYours.code:
      return "not_yours";
    case kRefusedNoSeat.code:
      return "no_seat";
    case kRefusedOldSequence.code:
      return "old_sequence";
    case kRefusedTooMany.code:
      return "too_many";
    case kRefusedUnknownAction.code:
      return "unknown_action";
    case kRefusedBadTarget.code:
      return "bad_target";
    case kRefusedOutOfRange.code:
      return "out_of_range";
    case kRefusedCooldown.code:
      return "cooldown";
    case kRefusedTooFast.code:
      return "too_fast";
    case kRefusedDead.code:
      return "dead";
    case kRefusedTooLate.code:
      return "too_late";
    case kRefusedFailed.code:
      return "battle_failed";
    default:
      return "unknown";
  }
}

}  // namespace drumline::world
