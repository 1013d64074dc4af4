// A bounded ring from one thread to one other, without copies: the producer
// fills the slot where it lies, the consumer reads it there.
#pragma once

#include <atomic>
#include <bit>
#include <memory>

#include "base/assert.hpp"
#include "base/types.hpp"

namespace drumline {

/// Size of what two processors must not both write: a line, and the one that is fetched with it.
inline constexpr std::size_t kCacheLineBytes = 128;

/// Slots are made once and reused: a reserved one holds what an earlier use left
/// in it. Nothing waits or allocates after construction. The producer calls
/// try_reserve() and commit(), the consumer front(), pop() and consume(); size()
/// and the counter are for anyone.
template <class T>
class SpscRing {
 public:
  /// `capacity` is a power of two, at least 1.
  explicit SpscRing(std::size_t capacity) : mask_(capacity - 1), slots_(std::make_unique<T[]>(capacity)) {
    DRUM_ASSERT(std::has_single_bit(capacity));
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  /// The slot to fill next, or null when the ring is full (counted). The
  /// consumer sees it after commit(); without one it is handed out again.
  T* try_reserve() {
    const u64 tail = producer_.tail.load(std::memory_order_relaxed);
    if (tail - producer_.cached_head > mask_) {
      producer_.cached_head = consumer_.head.load(std::memory_order_acquire);
      if (tail - producer_.cached_head > mask_) {
        producer_.rejected.store(producer_.rejected.load(std::memory_order_relaxed) + 1,
                                 std::memory_order_relaxed);
        return nullptr;
      }
    }
    return &slots_[tail & mask_];
  }
  void commit() {
    producer_.tail.store(producer_.tail.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  /// The oldest slot, or null when the ring is empty. Valid until pop().
  T* front() {
    const u64 head = consumer_.head.load(std::memory_order_relaxed);
    if (head == consumer_.cached_tail) {
      consumer_.cached_tail = producer_.tail.load(std::memory_order_acquire);
      if (head == consumer_.cached_tail) return nullptr;
    }
    return &slots_[head & mask_];
  }
  /// Gives the slot that front() returned back to the producer.
  void pop() {
    consumer_.head.store(consumer_.head.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  /// Calls fn(T&) for at most `max` waiting slots, then gives them all back at
  /// once. Returns how many. What comes in meanwhile waits for the next call.
  template <class Fn>
  std::size_t consume(std::size_t max, Fn&& fn) {
    const u64 head = consumer_.head.load(std::memory_order_relaxed);
    if (consumer_.cached_tail - head < max) {
      consumer_.cached_tail = producer_.tail.load(std::memory_order_acquire);
    }
    const u64 waiting = consumer_.cached_tail - head;
    const u64 count = waiting < max ? waiting : max;
    if (count == 0) return 0;
    for (u64 i = 0; i < count; ++i) fn(slots_[(head + i) & mask_]);
    consumer_.head.store(head + count, std::memory_order_release);
    return static_cast<std::size_t>(count);
  }

  std::size_t capacity() const { return mask_ + 1; }
  /// How many slots wait; from a third thread a moment's view.
  std::size_t size() const {
    const u64 head = consumer_.head.load(std::memory_order_acquire);
    const u64 tail = producer_.tail.load(std::memory_order_acquire);
    return tail > head ? static_cast<std::size_t>(tail - head) : 0;
  }
  /// How often try_reserve() found the ring full.
  u64 rejected() const { return producer_.rejected.load(std::memory_order_relaxed); }

 private:
  // Each side keeps the other's index as it last saw it, and looks again only
  // when that says full or empty: the two lines travel once a lap, not once a slot.
  struct alignas(kCacheLineBytes) Producer {
    std::atomic<u64> tail{0};
    std::atomic<u64> rejected{0};
    u64 cached_head = 0;
  };
  struct alignas(kCacheLineBytes) Consumer {
    std::atomic<u64> head{0};
    u64 cached_tail = 0;
  };

  const u64 mask_;
  const std::unique_ptr<T[]> slots_;
  Producer producer_;
  Consumer consumer_;
};

}  // namespace drumline
