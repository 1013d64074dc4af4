// The games that this binary serves. A studio's binary lists its own here.
#pragma once

#include <string_view>
#include <vector>

#include "world/rules.hpp"

namespace drumline::app {

const std::vector<const world::Game*>& games();
const world::Game* find_game(std::string_view name);

}  // namespace drumline::app
