// Counts what the whole test program allocates: operator new is replaced.
#pragma once

#include "base/types.hpp"

namespace drumline::testing {

u64 allocations();

}  // namespace drumline::testing
