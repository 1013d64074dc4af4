// The two programs that differ in how Asio waits (cmake/IoUring.cmake).
#pragma once

#include <string>

#include "base/result.hpp"

namespace drumline::app {

/// Does not come back where this program is not the one for `event_loop`, a value of
/// threads.event_loop: the process goes on as the other program, which lies beside this one, with
/// the same arguments. The Error says what stood in the way.
Result<void> become_program_for(const std::string& event_loop, char* const* arguments);

}  // namespace drumline::app
