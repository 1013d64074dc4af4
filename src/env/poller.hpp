// Waiting for several descriptors at once, where Asio does not do it: one interface over epoll,
// io_uring and kqueue.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "env/clock.hpp"

namespace drumline::env {

enum class PollerKind : u8 {
  epoll,     ///< Linux from 5.11 on
  io_uring,  ///< Linux from 5.11 on, where the administrator permits it
  kqueue,    ///< macOS and the BSDs
};

enum class Interest : u8 { read = 1, write = 2, both = 3 };

/// What a watched descriptor can do now without blocking. Only what it is watched for is said.
struct Ready {
  u64 token = 0;  ///< as given to watch()
  bool readable = false;
  bool writable = false;
  /// The other end has closed, or its sending half has, or the descriptor is in error. It is readable
  /// and writable too, as far as it is watched for that: the call then says what happened.
  bool hung_up = false;
};

/// Level-triggered: a descriptor that is still ready is reported by each wait(). One thread at a time;
/// to be woken by another, watch a Wakeup's descriptor.
class Poller {
 public:
  static constexpr TimeNs kForever = INT64_MAX;

  virtual ~Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Watches a socket, pipe or event; one that is watched already, from now on for this interest and by
  /// this token. ErrorCode::exhausted beyond `max_descriptors`, invalid_argument for what cannot be
  /// watched.
  Result<void> watch(int descriptor, Interest interest, u64 token);
  /// To be called before the descriptor is closed. What wait() returned last then says that it is not
  /// ready, so a loop over that may unwatch what comes later in it. One that is not watched is fine.
  void unwatch(int descriptor);
  std::size_t watched() const { return watched_; }

  /// Sleeps until a descriptor is ready or the monotonic clock reaches `deadline` (in the past: only
  /// looks). Returns each ready descriptor once, in no order, valid until the next call; none: the
  /// deadline has passed. Signals do not end it. Does not allocate. How late it is depends on the thread's
  /// timer slack (thread.hpp).
  std::span<const Ready> wait(TimeNs deadline);

 protected:
  explicit Poller(u32 max_descriptors);

  /// Begins to watch, or changes what for.
  virtual Result<void> arm(int descriptor, Interest interest, bool is_watched) = 0;
  virtual void disarm(int descriptor) = 0;
  /// Sleeps once for at most `wait_ns` (negative: without end) and reports what is ready, or nothing.
  virtual void sleep(i64 wait_ns) = 0;

  /// The call that refused a descriptor, as an Error.
  static Error refused(int descriptor, int error_number);
  /// From sleep(). What is not watched is ignored; a second report of a descriptor is added to its first.
  void report(int descriptor, bool readable, bool writable, bool hung_up);
  bool is_watched(int descriptor) const {
    return static_cast<std::size_t>(descriptor) < watches_.size() && watches_[descriptor].on;
  }
  Interest interest_of(int descriptor) const { return watches_[descriptor].interest; }
  u32 max_descriptors() const { return max_descriptors_; }

 private:
  struct Watch {
    u64 token = 0;
    u64 round = 0;  ///< of wait(), that has reported it
    u32 ready_index = 0;
    Interest interest = Interest::read;
    bool on = false;
  };

  u32 max_descriptors_;
  SystemClock clock_;
  std::vector<Watch> watches_;  ///< by descriptor: the kernel gives the lowest number that is free
  std::size_t watched_ = 0;
  std::vector<Ready> ready_;
  u64 round_ = 0;
};

/// ErrorCode::unavailable when this machine has no such poller, or no descriptor left for it; says which.
Result<std::unique_ptr<Poller>> make_poller(PollerKind kind, u32 max_descriptors);

/// "epoll", "io_uring" or "kqueue", as in the configuration; invalid_argument otherwise.
Result<PollerKind> parse_poller_kind(std::string_view name);

/// What this system is best known for.
PollerKind default_poller_kind();

}  // namespace drumline::env
