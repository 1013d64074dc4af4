// What the players of a measured game do, and what can be seen of their own body.
#pragma once

#include <string_view>

#include "world/rng.hpp"
#include "world/rules.hpp"

namespace drumline::bench {

struct Script {
  const world::Game* game;
  u32 players_in_battle;
  // Of the own body's table: fields as both rules and state frames number them.
  std::size_t place_field;  ///< along the axis that he walks on
  std::size_t state_field;
  bool (*is_free)(i64 state);  ///< walks when he is told to
  i64 least_motion;            ///< raw fixed-point length: less than a tick of walking
  i64 most_motion;             ///< … no body moves further in a tick
  world::Command (*walk)(i32 direction);
  /// Something else, which everybody's prediction has to cope with.
  world::Command (*act)(world::Rng& rng);
  i64 act_holds_ns;  ///< so long he cannot walk then; 0: he can
};

/// Sixteen run about on a small map and shoot.
const Script& arena_script();
/// Two fight.
const Script& duel_script();

}  // namespace drumline::bench
