// Compiled once for each build of the matrix, as its sources all begin with these.
#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "battle/battle.hpp"
#include "world/rules.hpp"
