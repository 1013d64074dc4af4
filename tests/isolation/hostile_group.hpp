// A battle group's process as it may be after its memory was overwritten: it says the right
// things first, and then anything.
#pragma once

#include "base/types.hpp"

namespace drumline::testing {

/// Until the node closes the link.
int run_hostile_group(u64 seed);

}  // namespace drumline::testing
