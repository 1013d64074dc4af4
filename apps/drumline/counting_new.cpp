// Replaces the global allocation functions to count by thread: a steady tick must
// allocate nothing, and /metrics and `drumline bench tick` show that it does not.
#include <cstdlib>
#include <new>

#include "base/allocations.hpp"

namespace {

/// While one lives the thread is known to be inside the allocator.
class Inside {
 public:
  Inside() { drumline::thread_is_allocating() = true; }
  ~Inside() { drumline::thread_is_allocating() = false; }
};

void* allocate(std::size_t size) {
  ++drumline::thread_allocations();
  const Inside inside;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void release(void* memory) {
  const Inside inside;
  std::free(memory);
}

void* allocate(std::size_t size, std::align_val_t alignment) {
  ++drumline::thread_allocations();
  const Inside inside;
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* const memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate(size, alignment);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
