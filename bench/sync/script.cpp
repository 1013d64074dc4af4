#include "bench/sync/script.hpp"

#include "arena/arena.hpp"
#include "arena_view/arena_view.hpp"
#include "duel/duel.hpp"
#include "duel_view/duel_view.hpp"
#include "world/fixed_math.hpp"

namespace drumline::bench {
namespace {

using world::Action;
using world::Command;

Command walk_in_arena(i32 direction) {
  Command command;
  command.action = Action::move;
  command.x = direction * arena::kDirectionLimit;
  return command;
}

// Now and then a dash, which moves him twice as fast for a while, otherwise a shot.
Command act_in_arena(world::Rng& rng) {
  Command command;
  command.action = rng.below(u64{8}) == 0 ? Action::skill : Action::attack;
  command.skill = arena::kSkillDash;
  const world::Vector aim = world::direction_of(static_cast<world::Angle>(rng.next_u64()));
  command.x = static_cast<i32>(aim.x.raw / 4);
  command.y = static_cast<i32>(aim.y.raw / 4);
  return command;
}

Command walk_in_duel(i32 direction) {
  Command command;
  command.action = Action::move;
  command.x = direction * duel::kDirectionLimit;
  return command;
}

Command act_in_duel(world::Rng&) {
  Command command;
  command.action = Action::attack;
  return command;
}

}  // namespace

const Script& arena_script() {
  static const Script script{
      .game = &arena::arena_game(),
      .players_in_battle = 16,
      .place_field = arena::kPlayerX,
      .state_field = arena::kPlayerFlags,
      .is_free = [](i64 flags) { return (flags & (arena::kFlagDead | arena::kFlagDashing)) == 0; },
      .least_motion = world::Fixed::from_int(1).raw / 16,
      .most_motion = world::Fixed::from_int(1).raw * 2 / 5,  // a dash: 24 units a second
      .walk = walk_in_arena,
      .act = act_in_arena,
      .act_holds_ns = 300 * kMillisecondNs};
  return script;
}

const Script& duel_script() {
  static const Script script{.game = &duel::duel_game(),
                             .players_in_battle = 2,
                             .place_field = duel::kFighterX,
                             .state_field = duel::kFighterStance,
                             .is_free =
                                 [](i64 stance) {
                                   return stance == static_cast<i64>(duel::Stance::idle) ||
                                          stance == static_cast<i64>(duel::Stance::walk);
                                 },
                             .least_motion = world::Fixed::from_int(1).raw / 32,
                             .most_motion = world::Fixed::from_int(1).raw / 5,
                             .walk = walk_in_duel,
                             .act = act_in_duel,
                             .act_holds_ns = 300 * kMillisecondNs};
  return script;
}

}  // namespace drumline::bench
