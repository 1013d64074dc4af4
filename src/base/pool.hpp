// Bounded memory that is allocated once: numbered slots, objects in them, and an
// arena for what lives as long as one tick or one packet.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/types.hpp"

namespace drumline {

/// Which of `capacity` numbers are taken. Hands out the lowest free one, so the
/// order is the same wherever the same calls are made, and the numbers in use
/// stay dense. Two look-ups an operation up to 262,144 numbers. One thread.
class SlotSet {
 public:
  explicit SlotSet(u32 capacity)
      : capacity_(capacity), free_((capacity + 63) / 64, ~u64{0}), summary_((free_.size() + 63) / 64, 0) {
    if (capacity % 64 != 0) free_.back() = (u64{1} << (capacity % 64)) - 1;
    for (u32 word = 0; word < free_.size(); ++word) summary_[word / 64] |= u64{1} << (word % 64);
  }

  /// The lowest free number, now taken; none when all are.
  std::optional<u32> take() {
    for (; first_summary_ < summary_.size(); ++first_summary_) {
      if (summary_[first_summary_] == 0) continue;
      const u32 word = first_summary_ * 64 + static_cast<u32>(std::countr_zero(summary_[first_summary_]));
      const u32 bit = static_cast<u32>(std::countr_zero(free_[word]));
      free_[word] &= free_[word] - 1;
      if (free_[word] == 0) summary_[word / 64] &= ~(u64{1} << (word % 64));
      ++taken_;
      return word * 64 + bit;
    }
    return std::nullopt;
  }

  /// `number` must be taken.
  void give_back(u32 number) {
    DRUM_ASSERT(is_taken(number));
    free_[number / 64] |= u64{1} << (number % 64);
    summary_[number / 4096] |= u64{1} << (number / 64 % 64);
    if (number / 4096 < first_summary_) first_summary_ = number / 4096;
    --taken_;
  }

  bool is_taken(u32 number) const {
    return number < capacity_ && ((free_[number / 64] >> (number % 64)) & 1) == 0;
  }
  u32 taken() const { return taken_; }
  u32 capacity() const { return capacity_; }

  /// Calls fn(number) for each taken one, lowest first. fn may give that number back.
  template <class Fn>
  void for_each_taken(Fn&& fn) const {
    for (u32 word = 0; word < free_.size(); ++word) {
      u64 taken = ~free_[word];
      if ((word + 1) * u64{64} > capacity_) taken &= (u64{1} << (capacity_ % 64)) - 1;
      for (; taken != 0; taken &= taken - 1) fn(word * 64 + static_cast<u32>(std::countr_zero(taken)));
    }
  }

 private:
  u32 capacity_;
  u32 taken_ = 0;
  u32 first_summary_ = 0;     // every summary word before this one is empty
  std::vector<u64> free_;     // bit: this number is free
  std::vector<u64> summary_;  // bit: this word of free_ has a free number
};

/// Up to `capacity` objects in one allocation, numbered by slot, lowest first.
/// An object stays where it is until it is destroyed. One thread.
template <class T>
class Pool {
 public:
  explicit Pool(u32 capacity) : slots_(capacity), cells_(std::make_unique<Cell[]>(capacity)) {}
  ~Pool() {
    slots_.for_each_taken([this](u32 slot) { std::destroy_at(&at(slot)); });
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Builds an object in the lowest free slot; null when the pool is full.
  template <class... Args>
  T* create(Args&&... args) {
    const auto slot = slots_.take();
    if (!slot) return nullptr;
    try {
      return ::new (static_cast<void*>(cells_[*slot].bytes)) T(std::forward<Args>(args)...);
    } catch (...) {
      slots_.give_back(*slot);
      throw;
    }
  }
  void destroy(u32 slot) {
    std::destroy_at(&at(slot));
    slots_.give_back(slot);
  }
  void destroy(T* object) { destroy(slot_of(object)); }

  /// The object in `slot`, which must be there; find() gives null where none is.
  T& at(u32 slot) {
    DRUM_ASSERT(slots_.is_taken(slot));
    return *std::launder(reinterpret_cast<T*>(cells_[slot].bytes));
  }
  T* find(u32 slot) { return slots_.is_taken(slot) ? &at(slot) : nullptr; }
  u32 slot_of(const T* object) const {
    return static_cast<u32>(reinterpret_cast<const Cell*>(object) - cells_.get());
  }
  u32 size() const { return slots_.taken(); }
  u32 capacity() const { return slots_.capacity(); }

  /// Calls fn(T&) in slot order. fn may destroy the object that it is given.
  template <class Fn>
  void for_each(Fn&& fn) {
    slots_.for_each_taken([&](u32 slot) { fn(at(slot)); });
  }

 private:
  struct Cell {
    alignas(T) std::byte bytes[sizeof(T)];
  };
  SlotSet slots_;
  std::unique_ptr<Cell[]> cells_;
};

/// Memory handed out in a row and taken back all at once. For types that need
/// no destructor. One thread.
class Arena {
 public:
  explicit Arena(std::size_t capacity)
      : memory_(std::make_unique<std::byte[]>(capacity)), capacity_(capacity) {}

  /// `size` bytes, or an empty view when they are not left.
  MutableBytes take(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
    const std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
    if (alignment > alignof(std::max_align_t) || start > capacity_ || size > capacity_ - start) return {};
    used_ = start + size;
    return {memory_.get() + start, size};
  }
  /// `count` default values, or an empty view when there is no room.
  template <class T>
  std::span<T> take_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count > capacity_ / sizeof(T)) return {};
    const MutableBytes bytes = take(count * sizeof(T), alignof(T));
    if (bytes.size() != count * sizeof(T) || count == 0) return {};
    T* first = reinterpret_cast<T*>(bytes.data());
    std::uninitialized_value_construct_n(first, count);
    return {std::launder(first), count};
  }
  void reset() { used_ = 0; }
  std::size_t used() const { return used_; }
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_;
  std::size_t used_ = 0;
};

}  // namespace drumline
