#include "base/broadcast_ring.hpp"

#include <algorithm>
#include <bit>

namespace drumline {

// Why a consumer never reads what the producer writes. A consumer stores its pin
// and then loads oldest_; the producer stores oldest_ and then loads the pins.
// All four are sequentially consistent, so either the consumer sees that its
// frame is gone and lets go, or the producer sees the pin and steps over it.

namespace {

constexpr u64 round_up(u64 value, u64 unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::size_t BroadcastRing::least_bytes(const Options& options) {
  // `consumers` pinned frames leave at most consumers + 1 gaps; with so many
  // bytes the largest gap holds a frame.
  return (2 * std::size_t{options.consumers} + 1) * round_up(options.max_frame_bytes, kUnit) + kUnit;
}

BroadcastRing::BroadcastRing(const Options& options)
    : slot_count_(options.slots),
      consumer_count_(options.consumers),
      max_frame_bytes_(options.max_frame_bytes),
      capacity_(round_up(std::max(options.bytes, least_bytes(options)), kUnit)),
      memory_(new std::byte[capacity_ + kUnit]()),  // touched now: a page fault in a tick makes it late
      bytes_(memory_.get() + (kUnit - reinterpret_cast<std::uintptr_t>(memory_.get()) % kUnit) % kUnit),
      slots_(std::make_unique<std::atomic<u64>[]>(options.slots)),
      consumer_list_(std::make_unique<Consumer[]>(options.consumers)),
      places_(options.slots) {
  DRUM_ASSERT(std::has_single_bit(slot_count_));
  DRUM_ASSERT(consumer_count_ >= 1 && consumer_count_ <= kMaxConsumers);
  DRUM_ASSERT(max_frame_bytes_ > 0 && capacity_ / kUnit < (u64{1} << 31));
  for (u32 index = 0; index < consumer_count_; ++index) consumer_list_[index].ring_ = this;
}

BroadcastRing::Consumer& BroadcastRing::consumer(u32 index) {
  DRUM_ASSERT(index < consumer_count_);
  return consumer_list_[index];
}

u64 BroadcastRing::retained() const {
  const u64 oldest = oldest_.load(std::memory_order_acquire);
  const u64 published = published_.load(std::memory_order_acquire);
  return published - oldest;
}

/// Lets go of the oldest frames while there are too many of them for one more
/// slot, or while they lie in the way of a frame that ends at place `end`.
void BroadcastRing::evict_before(u64 end) {
  const u64 published = published_.load(std::memory_order_relaxed);
  const u64 before = oldest_.load(std::memory_order_relaxed);
  u64 oldest = before;
  if (published - oldest == slot_count_) ++oldest;
  while (oldest < published && places_[oldest & (slot_count_ - 1)] + capacity_ < end) ++oldest;
  if (oldest != before) oldest_.store(oldest, std::memory_order_seq_cst);
}

/// The end of a pinned frame that overlaps these bytes, if there is one.
std::optional<u64> BroadcastRing::pinned_end_within(u64 offset, u64 size) const {
  for (u32 index = 0; index < consumer_count_; ++index) {
    const u64 word = consumer_list_[index].pinned_.load(std::memory_order_seq_cst);
    if ((word & kPinned) == 0) continue;
    const u64 start = ((word & ~kPinned) >> 32) * kUnit;
    const u64 end = start + round_up(word & 0xFFFF'FFFFU, kUnit);
    if (start < offset + size && offset < end) return end;
  }
  return std::nullopt;
}

MutableBytes BroadcastRing::begin(std::size_t max_bytes) {
  DRUM_ASSERT(max_bytes <= max_frame_bytes_);
  const u64 size = round_up(max_bytes, kUnit);
  while (true) {
    const u64 offset = next_place_ % capacity_;
    if (offset + size > capacity_) {  // a frame does not wrap
      next_place_ += capacity_ - offset;
      continue;
    }
    evict_before(next_place_ + size);
    const auto pinned_end = pinned_end_within(offset, size);
    if (!pinned_end) {
      reserved_ = max_bytes;
      return {bytes_ + offset, max_bytes};
    }
    next_place_ += *pinned_end - offset;
  }
}

u64 BroadcastRing::publish(std::size_t size) {
  DRUM_ASSERT(size <= reserved_);
  reserved_ = 0;
  const u64 sequence = published_.load(std::memory_order_relaxed);
  const u64 slot = sequence & (slot_count_ - 1);
  places_[slot] = next_place_;
  slots_[slot].store((next_place_ % capacity_ / kUnit) << 32 | size, std::memory_order_release);
  next_place_ += round_up(size, kUnit);
  published_.store(sequence + 1, std::memory_order_release);
  return sequence;
}

std::optional<Bytes> BroadcastRing::Consumer::peek() {
  DRUM_ASSERT(pinned_.load(std::memory_order_relaxed) == 0);
  while (true) {
    const u64 published = ring_->published_.load(std::memory_order_acquire);
    if (next_ == published) return std::nullopt;
    const u64 word = ring_->slots_[next_ & (ring_->slot_count_ - 1)].load(std::memory_order_acquire);
    pinned_.store(word | kPinned, std::memory_order_seq_cst);
    const u64 oldest = ring_->oldest_.load(std::memory_order_seq_cst);
    if (oldest <= next_) {
      sequence_ = next_++;
      return Bytes(ring_->bytes_ + (word >> 32) * kUnit, word & 0xFFFF'FFFFU);
    }
    // Evicted, before the pin or under it: what the pin names may be written to.
    pinned_.store(0, std::memory_order_release);
    // The newest may be gone too, while the one after it is being written.
    const u64 newest = ring_->published_.load(std::memory_order_acquire) - 1;
    const u64 onward = std::max(newest, oldest);
    lapped_.store(lapped_.load(std::memory_order_relaxed) + (onward - next_), std::memory_order_relaxed);
    next_ = onward;
  }
}

void BroadcastRing::Consumer::release() {
  pinned_.store(0, std::memory_order_release);
}

void BroadcastRing::Consumer::release_unread() {
  next_ = sequence_;
  release();
}

void BroadcastRing::Consumer::skip_to_end() {
  release();
  next_ = ring_->published_.load(std::memory_order_acquire);
}

}  // namespace drumline
