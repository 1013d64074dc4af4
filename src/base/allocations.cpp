#include "base/allocations.hpp"

namespace drumline {

u64& thread_allocations() noexcept {
  thread_local u64 count = 0;
  return count;
}

bool& thread_is_allocating() noexcept {
  thread_local bool allocating = false;
  return allocating;
}

}  // namespace drumline
