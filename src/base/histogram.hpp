// A latency histogram with a fixed relative error and fixed memory: log-linear
// buckets, 64 to an octave, so a percentile is within 1/128 of the true value
// (Gil Tene's HdrHistogram uses the same layout).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cmath>

#include "base/types.hpp"

namespace drumline {

/// Counts of values from 0 to 2^40 - 1 (18 minutes in nanoseconds); a larger one
/// is counted in the last bucket, and max() still has it exactly. One thread
/// records, resets and merges; any other may read or copy meanwhile, and sees
/// each counter as it was at some moment. Never allocates; 18 KiB.
class Histogram {
 public:
  Histogram() = default;
  Histogram(const Histogram& other) { copy(other); }
  Histogram& operator=(const Histogram& other) {
    if (this != &other) copy(other);
    return *this;
  }

  void record(u64 value) { record(value, 1); }
  /// The same value `times` over.
  void record(u64 value, u64 times) {
    add(counts_[bucket_of(value)], times);
    add(count_, times);
    add(sum_, value * times);
    if (value < load(min_)) min_.store(value, kRelaxed);
    if (value > load(max_)) max_.store(value, kRelaxed);
  }

  u64 count() const { return load(count_); }
  u64 sum() const { return load(sum_); }
  /// 0 when nothing was recorded, as are all of these.
  u64 min() const { return count() == 0 ? 0 : load(min_); }
  u64 max() const { return load(max_); }
  double mean() const {
    const u64 n = count();
    return n == 0 ? 0 : static_cast<double>(sum()) / static_cast<double>(n);
  }
  /// The value that `percent` (0 .. 100) of the records do not exceed.
  u64 percentile(double percent) const {
    // Summed afresh: the counter of all may be ahead of the buckets.
    u64 total = 0;
    for (const auto& bucket : counts_) total += load(bucket);
    if (total == 0) return 0;
    const double wanted = std::ceil(percent / 100 * static_cast<double>(total));
    const u64 rank = wanted < 1 ? 1 : static_cast<u64>(wanted);
    u64 seen = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      seen += load(counts_[bucket]);
      if (seen >= rank) return within_bounds(middle_of(bucket));
    }
    return max();
  }
  /// How many records are above `value`, to the resolution of a bucket.
  u64 count_above(u64 value) const {
    u64 above = 0;
    for (std::size_t bucket = bucket_of(value) + 1; bucket < kBuckets; ++bucket)
      above += load(counts_[bucket]);
    return above;
  }

  void reset() {
    for (auto& bucket : counts_) bucket.store(0, kRelaxed);
    count_.store(0, kRelaxed);
    sum_.store(0, kRelaxed);
    min_.store(kNoMin, kRelaxed);
    max_.store(0, kRelaxed);
  }

  void merge(const Histogram& other) {
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket)
      add(counts_[bucket], load(other.counts_[bucket]));
    add(count_, load(other.count_));
    add(sum_, load(other.sum_));
    if (load(other.min_) < load(min_)) min_.store(load(other.min_), kRelaxed);
    if (load(other.max_) > load(max_)) max_.store(load(other.max_), kRelaxed);
  }

  /// What was recorded after `earlier` was copied from this same histogram: a
  /// scraper's window, without touching the writer. min and max are those of
  /// the buckets, so within the relative error.
  Histogram since(const Histogram& earlier) const {
    Histogram window;
    u64 total = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      const u64 now = load(counts_[bucket]);
      const u64 before = load(earlier.counts_[bucket]);
      if (now <= before) continue;
      if (total == 0) window.min_.store(lowest_of(bucket), kRelaxed);
      const u64 highest = bucket + 1 < kBuckets ? lowest_of(bucket + 1) - 1 : max();
      window.max_.store(highest < max() ? highest : max(), kRelaxed);
      window.counts_[bucket].store(now - before, kRelaxed);
      total += now - before;
    }
    window.count_.store(total, kRelaxed);
    const u64 sum_now = sum();
    window.sum_.store(sum_now > earlier.sum() ? sum_now - earlier.sum() : 0, kRelaxed);
    return window;
  }

  /// Calls fn(lowest value, first value of the next bucket, count) for each
  /// bucket that holds something, in order: for exporters with buckets of their own.
  template <class Fn>
  void for_each_bucket(Fn&& fn) const {
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      const u64 held = load(counts_[bucket]);
      if (held != 0) fn(lowest_of(bucket), lowest_of(bucket + 1), held);
    }
  }

 private:
  static constexpr u32 kSubBits = 6;
  static constexpr u32 kValueBits = 40;
  static constexpr std::size_t kBuckets = (std::size_t{kValueBits} - kSubBits + 1) << kSubBits;
  static constexpr u64 kNoMin = ~u64{0};
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  // Values below 128 have a bucket each; from there an octave has 64, and value
  // >> shift is 64 .. 127.
  static std::size_t bucket_of(u64 value) {
    constexpr u64 kLargest = (u64{1} << kValueBits) - 1;
    if (value > kLargest) value = kLargest;
    const u32 shift = static_cast<u32>(std::bit_width(value | (u64{1} << kSubBits))) - (kSubBits + 1);
    return (std::size_t{shift} << kSubBits) + static_cast<std::size_t>(value >> shift);
  }
  static u64 lowest_of(std::size_t bucket) {
    if (bucket < (2U << kSubBits)) return bucket;
    const std::size_t shift = (bucket >> kSubBits) - 1;
    return u64{bucket - (shift << kSubBits)} << shift;
  }
  static u64 middle_of(std::size_t bucket) { return (lowest_of(bucket) + lowest_of(bucket + 1) - 1) / 2; }
  u64 within_bounds(u64 value) const {
    const u64 low = load(min_);
    const u64 high = load(max_);
    if (value > high) return high;
    return value < low && low <= high ? low : value;
  }

  static u64 load(const std::atomic<u64>& counter) { return counter.load(kRelaxed); }
  // One writer, so no locked instruction is needed.
  static void add(std::atomic<u64>& counter, u64 by) { counter.store(load(counter) + by, kRelaxed); }
  void copy(const Histogram& other) {
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      counts_[bucket].store(load(other.counts_[bucket]), kRelaxed);
    }
    count_.store(load(other.count_), kRelaxed);
    sum_.store(load(other.sum_), kRelaxed);
    min_.store(load(other.min_), kRelaxed);
    max_.store(load(other.max_), kRelaxed);
  }

  std::array<std::atomic<u64>, kBuckets> counts_{};
  std::atomic<u64> count_{0};
  std::atomic<u64> sum_{0};
  std::atomic<u64> min_{kNoMin};
  std::atomic<u64> max_{0};
};

}  // namespace drumline
