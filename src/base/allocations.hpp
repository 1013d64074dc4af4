// How many heap allocations the calling thread has made, for the rule that a
// steady tick makes none. Counted where a program replaces operator new to count
// (apps/drumline/counting_new.cpp); elsewhere it stays 0.
#pragma once

#include "base/types.hpp"

namespace drumline {

/// The calling thread's own counter.
u64& thread_allocations() noexcept;

/// True while the calling thread is inside the allocator, whose locks it may hold.
bool& thread_is_allocating() noexcept;

}  // namespace drumline
