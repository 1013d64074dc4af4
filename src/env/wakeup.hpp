// One thread wakes another: an event that is also a descriptor, so that a thread
// can wait for it alone, to an absolute deadline, or together with its sockets.
#pragma once

#include <atomic>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::env {

/// Several notify() before the waiter looks are one wake-up. The waiter calls
/// drain() first and looks at its queues after it: then none is missed.
class Wakeup {
 public:
  static constexpr TimeNs kForever = INT64_MAX;

  /// ErrorCode::unavailable when the process has no descriptor left.
  static Result<Wakeup> create();
  Wakeup(Wakeup&& other) noexcept;
  Wakeup& operator=(Wakeup&&) = delete;
  ~Wakeup();

  /// Any thread; a system call only when none is under way already. Never blocks.
  void notify() noexcept;

  /// Readable while notified: for poll and its kin.
  int descriptor() const { return descriptor_; }
  /// Takes the notification back. The waiting thread's, as is wait_until().
  void drain() noexcept;
  /// Returns true, drained, as soon as it is notified, and false once the
  /// monotonic clock reaches `deadline`. How late that is depends on the
  /// thread's timer slack (thread.hpp).
  bool wait_until(TimeNs deadline) noexcept;

 private:
  explicit Wakeup(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
  std::atomic<bool> notified_{false};
};

}  // namespace drumline::env
