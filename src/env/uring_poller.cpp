#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>

#include "env/poller_kinds.hpp"

namespace drumline::env {
namespace {

constexpr u32 kQueuedRequests = 256;
/// Marks the completion of a request whose outcome nobody needs.
constexpr u64 kNobody = ~u64{0};

/// A poll request fires once. Requests of descriptors that fired are made anew by the next sleep, with
/// the call that sleeps: a descriptor that is still ready fires again at once, which makes it
/// level-triggered, and a request costs no call of its own.
class UringPoller final : public Poller {
 public:
  explicit UringPoller(u32 max_descriptors) : Poller(max_descriptors) { fired_.reserve(max_descriptors); }
  ~UringPoller() override {
    if (open_) io_uring_queue_exit(&ring_);
  }

  Result<void> open() {
    io_uring_params params{};
    params.flags = IORING_SETUP_CQSIZE;
    // A completion each of the request and of its removal; the kernel takes a power of two, and warns
    // of nothing when it rounds up.
    params.cq_entries = std::clamp(2 * max_descriptors(), 2 * kQueuedRequests, u32{65'536});
    if (const int rc = io_uring_queue_init_params(kQueuedRequests, &ring_, &params); rc < 0) {
      return Error{ErrorCode::unavailable,
                   "cannot make an io_uring: " + std::system_category().message(-rc) +
                       (rc == -EPERM || rc == -ENOSYS
                            ? "; kernel.io_uring_disabled or the container's system call filter forbids it: "
                              "use epoll"
                            : "")};
    }
    open_ = true;
    if ((params.features & IORING_FEAT_EXT_ARG) == 0 || (params.features & IORING_FEAT_NODROP) == 0) {
      return Error{ErrorCode::unavailable,
                   "this kernel's io_uring cannot wait with a deadline; Linux's can from 5.11 on"};
    }
    return {};
  }

 private:
  struct Request {
    u32 generation = 0;  ///< completions of an earlier one are not the descriptor's any more
    bool pending = false;
    bool listed = false;  ///< in fired_
  };

  Result<void> arm(int descriptor, Interest interest, bool is_watched) override {
    // A request for a closed descriptor would only fail later.
    if (::fcntl(descriptor, F_GETFD) < 0) return refused(descriptor, errno);
    if (static_cast<std::size_t>(descriptor) >= requests_.size())
      requests_.resize(static_cast<std::size_t>(descriptor) + 1);
    if (is_watched) cancel(descriptor);
    request(descriptor, interest);
    return {};
  }

  void disarm(int descriptor) override {
    if (!cancel(descriptor)) return;
    // At once: the request holds on to the file, so that closing the descriptor would not end it.
    while (io_uring_submit(&ring_) == -EINTR) {
    }
    // Or completions would pile up with somebody who watches and unwatches without a wait.
    take(false);
  }

  void sleep(i64 wait_ns) override {
    for (const int descriptor : fired_) {
      requests_[descriptor].listed = false;
      if (is_watched(descriptor) && !requests_[descriptor].pending)
        request(descriptor, interest_of(descriptor));
    }
    fired_.clear();
    io_uring_cqe* first = nullptr;
    if (wait_ns < 0) {
      const int rc = io_uring_submit_and_wait(&ring_, 1);
      DRUM_ASSERT(rc >= 0 || is_passing(rc));
    } else {
      __kernel_timespec left{wait_ns / kSecondNs, wait_ns % kSecondNs};
      const int rc = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &left, nullptr);
      DRUM_ASSERT(rc >= 0 || rc == -ETIME || is_passing(rc));
    }
    take(true);
  }

  /// The call is made again by the loop around sleep().
  static bool is_passing(int rc) { return rc == -EINTR || rc == -EAGAIN || rc == -EBUSY; }

  static u64 name_of(int descriptor, u32 generation) {
    return u64{generation} << 32 | static_cast<u32>(descriptor);
  }

  io_uring_sqe* next() {
    io_uring_sqe* request = io_uring_get_sqe(&ring_);
    while (request == nullptr) {
      const int rc = io_uring_submit(&ring_);
      DRUM_ASSERT(rc >= 0 || is_passing(rc));
      take(false);
      request = io_uring_get_sqe(&ring_);
    }
    return request;
  }

  void request(int descriptor, Interest interest) {
    unsigned events = 0;
    if (interest != Interest::write) events |= POLLIN | POLLRDHUP;
    if (interest != Interest::read) events |= POLLOUT;
    io_uring_sqe* const made = next();
    io_uring_prep_poll_add(made, descriptor, events);
    io_uring_sqe_set_data64(made, name_of(descriptor, requests_[descriptor].generation));
    requests_[descriptor].pending = true;
  }

  /// Returns whether there is something to submit.
  bool cancel(int descriptor) {
    Request& old = requests_[descriptor];
    const bool pending = std::exchange(old.pending, false);
    if (pending) {
      io_uring_sqe* const made = next();
      io_uring_prep_poll_remove(made, name_of(descriptor, old.generation));
      io_uring_sqe_set_data64(made, kNobody);
    }
    ++old.generation;
    return pending;
  }

  /// Takes the completions. What is not reported now is by the next sleep, which asks again.
  void take(bool reporting) {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++taken;
      const u64 name = completion->user_data;
      if (name == kNobody) continue;
      const int descriptor = static_cast<int>(name & 0xffff'ffff);
      Request& of = requests_[descriptor];
      if (of.generation != name >> 32) continue;
      of.pending = false;
      if (!std::exchange(of.listed, true)) fired_.push_back(descriptor);
      if (!reporting) continue;
      const int what = completion->res;
      report(descriptor, what > 0 && (what & POLLIN) != 0, what > 0 && (what & POLLOUT) != 0,
             what < 0 || (what & (POLLHUP | POLLRDHUP | POLLERR)) != 0);
    }
    io_uring_cq_advance(&ring_, taken);
  }

  io_uring ring_{};
  bool open_ = false;
  std::vector<Request> requests_;  ///< by descriptor
  std::vector<int> fired_;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_uring_poller(u32 max_descriptors) {
  auto poller = std::make_unique<UringPoller>(max_descriptors);
  if (auto opened = poller->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Poller>(std::move(poller));
}

}  // namespace drumline::env
