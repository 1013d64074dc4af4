#include "env/poller.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace drumline::env {

Poller::Poller(u32 max_descriptors) : max_descriptors_(max_descriptors) {
  ready_.reserve(max_descriptors);
}

Result<void> Poller::watch(int descriptor, Interest interest, u64 token) {
  if (descriptor < 0) return refused(descriptor, EBADF);
  const std::size_t index = static_cast<std::size_t>(descriptor);
  const bool known = is_watched(descriptor);
  if (!known && watched_ == max_descriptors_) {
    return Error{ErrorCode::exhausted,
                 "a poller for " + std::to_string(max_descriptors_) + " descriptors watches as many already"};
  }
  if (index >= watches_.size()) watches_.resize(index + 1);
  if (!known || watches_[index].interest != interest) {
    if (auto armed = arm(descriptor, interest, known); !armed) return armed;
  }
  Watch& watch = watches_[index];
  if (!known) ++watched_;
  watch.on = true;
  watch.interest = interest;
  watch.token = token;
  return {};
}

void Poller::unwatch(int descriptor) {
  if (descriptor < 0 || !is_watched(descriptor)) return;
  Watch& watch = watches_[descriptor];
  if (watch.round == round_ && round_ > 0) ready_[watch.ready_index] = Ready{watch.token};
  watch = {};
  --watched_;
  disarm(descriptor);
}

std::span<const Ready> Poller::wait(TimeNs deadline) {
  ++round_;
  ready_.clear();
  while (true) {
    sleep(deadline == kForever ? -1 : std::max<i64>(0, deadline - clock_.now()));
    if (!ready_.empty() || (deadline != kForever && clock_.now() >= deadline)) return ready_;
  }
}

void Poller::report(int descriptor, bool readable, bool writable, bool hung_up) {
  if (!is_watched(descriptor)) return;
  Watch& watch = watches_[descriptor];
  if (watch.round != round_) {
    watch.round = round_;
    watch.ready_index = static_cast<u32>(ready_.size());
    ready_.push_back({watch.token});
  }
  const auto wants = [&](Interest which) {
    return (static_cast<u8>(watch.interest) & static_cast<u8>(which)) != 0;
  };
  Ready& ready = ready_[watch.ready_index];
  ready.readable |= (readable || hung_up) && wants(Interest::read);
  ready.writable |= (writable || hung_up) && wants(Interest::write);
  ready.hung_up |= hung_up;
}

Error Poller::refused(int descriptor, int error_number) {
  return {ErrorCode::invalid_argument, "descriptor " + std::to_string(descriptor) + " cannot be watched: " +
                                           std::system_category().message(error_number)};
}

Result<PollerKind> parse_poller_kind(std::string_view name) {
  if (name == "epoll") return PollerKind::epoll;
  if (name == "io_uring") return PollerKind::io_uring;
  if (name == "kqueue") return PollerKind::kqueue;
  return Error{ErrorCode::invalid_argument,
               "'" + std::string(name) + "' is no poller; there are epoll, io_uring and kqueue"};
}

}  // namespace drumline::env
