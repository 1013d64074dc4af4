// A vector whose memory is taken once, at construction.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include "base/assert.hpp"

namespace drumline {

/// Up to capacity() elements in order. It cannot grow, so that code which only fills
/// and empties one reaches no allocator: tests/determinism/check_symbols.mjs proves that
/// of a battle's step. More than the capacity is a broken invariant.
template <class T>
class FixedVector {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

 public:
  explicit FixedVector(std::size_t capacity)
      : elements_(static_cast<T*>(::operator new(capacity * sizeof(T)))), capacity_(capacity) {}

  void push_back(const T& value) {
    DRUM_ASSERT(size_ < capacity_);
    ::new (elements_.get() + size_) T(value);
    ++size_;
  }
  void clear() { size_ = 0; }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  T* data() { return elements_.get(); }
  const T* data() const { return elements_.get(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }

 private:
  // Not arrays of T: pages that no element was in stay untouched.
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory); }
  };

  std::unique_ptr<T, Free> elements_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace drumline
