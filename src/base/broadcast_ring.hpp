// Frames from one thread to many: the producer never waits, every consumer
// reads in place, and one that is too slow learns how much it missed.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/spsc_ring.hpp"
#include "base/types.hpp"

namespace drumline {

/// The last frames published, at most `slots` of them and at most `bytes` in
/// all, in one ring of bytes allocated at construction. A new frame evicts the
/// oldest. A frame that a consumer is reading is pinned: the producer steps
/// over its bytes and leaves them alone until they are released.
///
/// begin() and publish() are the producer's, from one thread; each Consumer is
/// for one thread of its own. Nothing waits, and nothing allocates after construction.
class BroadcastRing {
 public:
  static constexpr u32 kMaxConsumers = 64;

  struct Options {
    u32 slots = 2048;                 ///< frames retained at most; a power of two
    u32 consumers = 1;                ///< 1 .. kMaxConsumers
    u32 max_frame_bytes = 256 << 10;  ///< the most that begin() may ask for
    std::size_t bytes = 16 << 20;     ///< retained at most; raised to least_bytes()
  };

  /// So much that there is room for a frame even when every consumer pins one.
  static std::size_t least_bytes(const Options& options);

  class Consumer {
   public:
    /// The next frame, or none when all are read. It stays whole until
    /// release(), which must come before the next peek().
    std::optional<Bytes> peek();
    void release();
    /// Gives the frame that peek() gave back unread: the next peek() gives it again.
    void release_unread();
    /// Others follow the frame that peek() last gave.
    bool has_more() const { return next_ != ring_->published_.load(std::memory_order_acquire); }
    /// The number of the frame that peek() last gave: 0 for the first published.
    u64 sequence() const { return sequence_; }
    /// Frames missed in all: they were evicted unread, or jumped over after that.
    /// Any thread. A consumer that lags too far goes on at the newest frame.
    u64 lapped() const { return lapped_.load(std::memory_order_relaxed); }
    /// Forgets what waits; the next peek() gives what is published from now on.
    void skip_to_end();

   private:
    friend class BroadcastRing;
    // 0, or the slot word of the frame that is being read with kPinned set.
    alignas(kCacheLineBytes) std::atomic<u64> pinned_{0};
    std::atomic<u64> lapped_{0};
    BroadcastRing* ring_ = nullptr;
    u64 next_ = 0;
    u64 sequence_ = 0;
  };

  explicit BroadcastRing(const Options& options);
  BroadcastRing(const BroadcastRing&) = delete;
  BroadcastRing& operator=(const BroadcastRing&) = delete;

  /// Room for the next frame of at most `max_bytes`. Consumers see it after
  /// publish(); a second begin() takes it back.
  MutableBytes begin(std::size_t max_bytes);
  /// The first `size` bytes of the room are a frame. Returns its number.
  u64 publish(std::size_t size);

  /// Consumer `index`, 0 .. consumers - 1. It starts at the first frame.
  Consumer& consumer(u32 index);
  u32 consumers() const { return consumer_count_; }
  u32 max_frame_bytes() const { return max_frame_bytes_; }

  /// Any thread: how many frames were published, and how many of those are still held.
  u64 published() const { return published_.load(std::memory_order_acquire); }
  u64 retained() const;

 private:
  // A slot word: offset in kUnit (31 bits) | size in bytes (32 bits).
  static constexpr std::size_t kUnit = 64;
  static constexpr u64 kPinned = u64{1} << 63;

  void evict_before(u64 end);
  std::optional<u64> pinned_end_within(u64 offset, u64 size) const;

  const u32 slot_count_;
  const u32 consumer_count_;
  const u32 max_frame_bytes_;
  const u64 capacity_;  // bytes, a multiple of kUnit
  const std::unique_ptr<std::byte[]> memory_;
  std::byte* const bytes_;  // memory_, aligned to kUnit
  const std::unique_ptr<std::atomic<u64>[]> slots_;
  const std::unique_ptr<Consumer[]> consumer_list_;

  // The producer's own. Places count bytes from the start of time; modulo the
  // capacity they are offsets, and frames lie in the order of their places.
  std::vector<u64> places_;  // of the frame in each slot
  u64 next_place_ = 0;
  std::size_t reserved_ = 0;

  // Frames oldest_ .. published_ - 1 may be read.
  alignas(kCacheLineBytes) std::atomic<u64> oldest_{0};
  alignas(kCacheLineBytes) std::atomic<u64> published_{0};
};

}  // namespace drumline
