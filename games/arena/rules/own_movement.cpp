#include "arena/own_movement.hpp"

namespace drumline::arena {
namespace {

using world::Action;

// The place nearest to `value` that is sent as `sent`. So what is not sent, the fraction
// of 1/32 unit, stays as predicted, and one that was wrong gets less so with each border
// that is crossed.
Fixed nearest_sent_as(i64 sent, Fixed value) {
  const Fixed low = Fixed::from_raw(sent << kSentPositionShift);
  const Fixed high = Fixed::from_raw(low.raw + (i64{1} << kSentPositionShift) - 1);
  return clamp(value, low, high);
}

}  // namespace

Result<OwnMovement> OwnMovement::make(std::string_view rules_document, const MapDescription& map,
                                      Fixed map_side) {
  Result<Settings> settings = read_settings(rules_document);
  if (!settings) return std::move(settings).error();
  OwnMovement made(Tuning(*settings), map_side);
  made.obstacles_.build(map.obstacles, map_side);
  return made;
}

void OwnMovement::apply(State& state, const world::Command& command, Tick tick) const {
  if ((state.gait.flags & kFlagDead) != 0) return;
  // Rules see the tick before, in which commands are applied.
  const u32 now = static_cast<u32>(tick) - 1;
  const bool aimed = command.x != 0 || command.y != 0;
  switch (command.action) {
    case Action::move:
      state.gait.move_x = static_cast<i16>(command.x);
      state.gait.move_y = static_cast<i16>(command.y);
      state.gait.flags &= static_cast<u8>(~kFlagMoving);
      if (aimed) {
        state.gait.flags |= kFlagMoving;
        state.heading = heading_of(command);
      }
      return;
    case Action::turn:
      state.heading = heading_of(command);
      return;
    case Action::attack:
      if (command.target.value == 0) state.heading = heading_of(command);
      return;
    case Action::skill:
      if (command.skill != kSkillDash || now < state.dash_ready) return;
      if (aimed) state.heading = heading_of(command);
      state.gait.dash_heading = state.heading;
      state.gait.flags |= kFlagDashing;
      state.dash_until = now + tuning_.dash_duration + 1;
      state.dash_ready = now + tuning_.dash_cooldown;
      return;
    case Action::none:
      return;
  }
}

void OwnMovement::step(State& state, Tick tick) const {
  u8& flags = state.gait.flags;
  if ((flags & kFlagDashing) != 0 && static_cast<u32>(tick) >= state.dash_until) {
    flags &= static_cast<u8>(~kFlagDashing);
  }
  if ((flags & (kFlagMoving | kFlagDashing)) == 0) return;
  state.place = moved(state.place, state.gait, tuning_, obstacles_, map_side_);
}

void OwnMovement::reconcile(State& state, const Sighting& seen, Tick /*tick*/) const {
  state.place = {nearest_sent_as(seen.x, state.place.x), nearest_sent_as(seen.y, state.place.y)};
  state.gait.flags = seen.flags;
  if ((seen.flags & kFlagMoving) == 0) state.gait.move_x = state.gait.move_y = 0;
}

}  // namespace drumline::arena
