#include "env/wakeup.hpp"

#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "env/clock.hpp"

namespace drumline::env {

Result<Wakeup> Wakeup::create() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) {
    return Error{ErrorCode::unavailable,
                 "cannot make an event for waking a thread: " + std::system_category().message(errno)};
  }
  return Wakeup(descriptor);
}

Wakeup::Wakeup(Wakeup&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), notified_(other.notified_.load()) {}

Wakeup::~Wakeup() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Wakeup::notify() noexcept {
  if (notified_.exchange(true, std::memory_order_acq_rel)) return;
  const u64 one = 1;
  // It can fail only when the counter is full, and then it is readable anyway.
  while (::write(descriptor_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Wakeup::drain() noexcept {
  u64 count = 0;
  while (::read(descriptor_, &count, sizeof count) < 0 && errno == EINTR) {
  }
  // In this order: a notify() in between writes nothing, and what it announces
  // the waiter finds when it looks; the next one writes again. The other way
  // round its write would be eaten and the flag left standing.
  notified_.exchange(false, std::memory_order_acq_rel);
}

bool Wakeup::wait_until(TimeNs deadline) noexcept {
  const SystemClock clock;
  pollfd event{descriptor_, POLLIN, 0};
  while (true) {
    timespec left{};
    if (deadline != kForever) {
      const TimeNs now = clock.now();
      const TimeNs wait = deadline > now ? deadline - now : 0;
      left.tv_sec = static_cast<time_t>(wait / kSecondNs);
      left.tv_nsec = static_cast<long>(wait % kSecondNs);
    }
    const int ready = ::ppoll(&event, 1, deadline == kForever ? nullptr : &left, nullptr);
    if (ready > 0) {
      drain();
      return true;
    }
    if (ready == 0 && clock.now() >= deadline) return false;
  }
}

}  // namespace drumline::env
