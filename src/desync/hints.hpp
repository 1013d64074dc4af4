// What a difference looks like to somebody who has seen many: guesses, and told as such.
#pragma once

#include <string>
#include <string_view>

#include "desync/explain.hpp"

namespace drumline::desync {

/// "line 12 is \"speed = 5\" in A, \"speed = 6\" in B"
std::string first_differing_line(std::string_view a, std::string_view b);

/// Adds to `explanation.hints` what its compared states and writes suggest.
void add_state_hints(Explanation& explanation);

}  // namespace drumline::desync
