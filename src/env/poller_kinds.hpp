// The implementations behind make_poller(); which are there depends on the system.
#pragma once

#include "env/poller.hpp"

namespace drumline::env {

Result<std::unique_ptr<Poller>> make_epoll_poller(u32 max_descriptors);
Result<std::unique_ptr<Poller>> make_uring_poller(u32 max_descriptors);
Result<std::unique_ptr<Poller>> make_kqueue_poller(u32 max_descriptors);

}  // namespace drumline::env
