// Numbers that one thread writes on a hot path and any thread may read: a plain
// load and store, no locked instruction. Reads are recent, never torn, and
// unordered among each other, which is what a scrape needs.
#pragma once

#include <atomic>

#include "base/types.hpp"

namespace drumline {

/// Counts up. One writing thread, any readers.
class Counter {
 public:
  void add(u64 by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  u64 value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<u64> value_{0};
};

/// Goes up and down. One writing thread, any readers.
class Gauge {
 public:
  void set(i64 value) { value_.store(value, std::memory_order_relaxed); }
  void add(i64 by) { value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed); }
  i64 value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<i64> value_{0};
};

}  // namespace drumline
