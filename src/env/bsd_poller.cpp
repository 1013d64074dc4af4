// Which pollers macOS and the BSDs have.
#include "env/poller_kinds.hpp"

namespace drumline::env {

Result<std::unique_ptr<Poller>> make_poller(PollerKind kind, u32 max_descriptors) {
  if (kind == PollerKind::kqueue) return make_kqueue_poller(max_descriptors);
  return Error{ErrorCode::unavailable, "epoll and io_uring are Linux's; use kqueue"};
}

PollerKind default_poller_kind() {
  return PollerKind::kqueue;
}

}  // namespace drumline::env
