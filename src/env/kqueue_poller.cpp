// For macOS and the BSDs. Its tests run it on Linux, over a kqueue of their own.
#include <array>
#include <cerrno>
#include <ctime>
#include <string>
#include <system_error>

#include <sys/types.h>
// After sys/types.h, which FreeBSD's needs.
#include <sys/event.h>
#include <unistd.h>

#include "env/poller_kinds.hpp"

namespace drumline::env {
namespace {

/// kqueue knows reading and writing as two filters, each with an event of its own.
class KqueuePoller final : public Poller {
 public:
  KqueuePoller(int queue, u32 max_descriptors)
      : Poller(max_descriptors), queue_(queue), events_(2 * std::size_t{max_descriptors}) {}
  ~KqueuePoller() override { ::close(queue_); }

 private:
  Result<void> arm(int descriptor, Interest interest, bool is_watched) override {
    const Filters before = filters_of(is_watched ? interest_of(descriptor) : Interest{});
    const Filters after = filters_of(interest);
    if (const int failed = change(descriptor, before, after); failed != 0) {
      change(descriptor, after, before);
      return refused(descriptor, failed);
    }
    return {};
  }

  void disarm(int descriptor) override { change(descriptor, filters_of(Interest::both), {}); }

  void sleep(i64 wait_ns) override {
    const timespec left{static_cast<time_t>(wait_ns / kSecondNs), static_cast<long>(wait_ns % kSecondNs)};
    const int count = ::kevent(queue_, nullptr, 0, events_.data(), static_cast<int>(events_.size()),
                               wait_ns < 0 ? nullptr : &left);
    DRUM_ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      const struct kevent& event = events_[static_cast<std::size_t>(i)];
      report(static_cast<int>(event.ident), event.filter == EVFILT_READ, event.filter == EVFILT_WRITE,
             (event.flags & (EV_EOF | EV_ERROR)) != 0);
    }
  }

  struct Filters {
    bool read = false;
    bool write = false;
  };
  static Filters filters_of(Interest interest) {
    const u8 bits = static_cast<u8>(interest);
    return {(bits & static_cast<u8>(Interest::read)) != 0, (bits & static_cast<u8>(Interest::write)) != 0};
  }

  /// Adds and deletes what differs; the first failure's number, or 0.
  int change(int descriptor, Filters before, Filters after) {
    std::array<struct kevent, 2> changes{};
    int count = 0;
    const auto differ = [&](bool was, bool is, short filter) {
      if (was == is) return;
      struct kevent& change = changes[static_cast<std::size_t>(count++)];
      change.ident = static_cast<uintptr_t>(descriptor);
      change.filter = filter;
      // With a receipt each change has an outcome of its own, and no event is taken with them.
      change.flags = static_cast<unsigned short>((is ? EV_ADD : EV_DELETE) | EV_RECEIPT);
    };
    differ(before.read, after.read, EVFILT_READ);
    differ(before.write, after.write, EVFILT_WRITE);
    if (count == 0) return 0;
    std::array<struct kevent, 2> receipts{};
    int got = 0;
    do {
      got = ::kevent(queue_, changes.data(), count, receipts.data(), count, nullptr);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return errno;
    for (int i = 0; i < got; ++i) {
      const struct kevent& receipt = receipts[static_cast<std::size_t>(i)];
      if ((receipt.flags & EV_ERROR) != 0 && receipt.data != 0) return static_cast<int>(receipt.data);
    }
    return 0;
  }

  int queue_;
  std::vector<struct kevent> events_;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_kqueue_poller(u32 max_descriptors) {
  // A child does not inherit it.
  const int queue = ::kqueue();
  if (queue < 0) {
    return Error{ErrorCode::unavailable, "cannot make a kqueue: " + std::system_category().message(errno)};
  }
  return std::unique_ptr<Poller>(std::make_unique<KqueuePoller>(queue, max_descriptors));
}

}  // namespace drumline::env
