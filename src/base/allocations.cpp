#include "base/allocations.hpp"

namespace drumline {

u64& thread_allocations() noexcept {
  thread_local u64 count = 0;
  return count;
}

}  // namespace drumline
