// The game tally: everybody has a number; "attack" adds to it, at most so often.
#pragma once

#include "world/rules.hpp"

namespace drumline::tally {

const world::Game& tally_game();

}  // namespace drumline::tally
