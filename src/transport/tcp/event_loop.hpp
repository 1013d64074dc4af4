// Which of the kernel's ways of waiting Asio has in this program. It is chosen when Asio is
// compiled (cmake/IoUring.cmake), so it is one for the whole program.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace drumline::transport {

/// "epoll" or "io_uring".
std::string_view event_loop_name();

/// Whether the kernel lets us have it; the Error is one sentence with the way out.
Result<void> check_event_loop();

}  // namespace drumline::transport
