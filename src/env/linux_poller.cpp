// Which pollers Linux has.
#include "env/poller_kinds.hpp"

namespace drumline::env {

Result<std::unique_ptr<Poller>> make_poller(PollerKind kind, u32 max_descriptors) {
  switch (kind) {
    case PollerKind::epoll:
      return make_epoll_poller(max_descriptors);
    case PollerKind::io_uring:
      return make_uring_poller(max_descriptors);
    case PollerKind::kqueue:
      break;
  }
  return Error{ErrorCode::unavailable, "Linux has no kqueue; use epoll or io_uring"};
}

PollerKind default_poller_kind() {
  return PollerKind::epoll;
}

}  // namespace drumline::env
