#include <cerrno>
#include <ctime>
#include <system_error>

#include <sys/epoll.h>
#include <unistd.h>

#include "env/poller_kinds.hpp"

namespace drumline::env {
namespace {

class EpollPoller final : public Poller {
 public:
  EpollPoller(int epoll, u32 max_descriptors)
      : Poller(max_descriptors), epoll_(epoll), events_(max_descriptors) {}
  ~EpollPoller() override { ::close(epoll_); }

 private:
  Result<void> arm(int descriptor, Interest interest, bool is_watched) override {
    epoll_event event{};
    if (interest != Interest::write) event.events |= EPOLLIN | EPOLLRDHUP;
    if (interest != Interest::read) event.events |= EPOLLOUT;
    event.data.fd = descriptor;
    const int operation = is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_, operation, descriptor, &event) != 0) return refused(descriptor, errno);
    return {};
  }

  void disarm(int descriptor) override { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

  void sleep(i64 wait_ns) override {
    // epoll_wait() counts milliseconds, which is a sixteenth of a tick.
    const timespec left{wait_ns / kSecondNs, static_cast<long>(wait_ns % kSecondNs)};
    const int count = ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()),
                                     wait_ns < 0 ? nullptr : &left, nullptr);
    DRUM_ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      const u32 what = events_[i].events;
      report(events_[i].data.fd, (what & EPOLLIN) != 0, (what & EPOLLOUT) != 0,
             (what & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0);
    }
  }

  int epoll_;
  std::vector<epoll_event> events_;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_epoll_poller(u32 max_descriptors) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) {
    return Error{ErrorCode::unavailable,
                 "cannot make an epoll descriptor: " + std::system_category().message(errno)};
  }
  auto poller = std::make_unique<EpollPoller>(epoll, max_descriptors);
  epoll_event event{};
  const timespec none{};
  if (::epoll_pwait2(epoll, &event, 1, &none, nullptr) < 0 && errno == ENOSYS) {
    return Error{ErrorCode::unavailable, "this kernel has no epoll_pwait2; Linux has it from 5.11 on"};
  }
  return std::unique_ptr<Poller>(std::move(poller));
}

}  // namespace drumline::env
