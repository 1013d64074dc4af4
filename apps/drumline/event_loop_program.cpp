#include "event_loop_program.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "transport/tcp/event_loop.hpp"

namespace drumline::app {

Result<void> become_program_for(const std::string& event_loop, char* const* arguments) {
  if (transport::event_loop_name() == event_loop) return {};
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path other =
      self.parent_path() / (event_loop == "io_uring" ? "drumline-io-uring" : "drumline");
  const auto failed = [&](const std::string& why) {
    return Error{ErrorCode::unavailable,
                 "threads.event_loop is \"" + event_loop + "\", and " + other.string() + " " + why +
                     "; the release build makes both programs, and they stay beside each "
                     "other under their names"};
  };
  // It would go on as itself for ever.
  if (other == self) return failed("has another event loop");
  ::execv(other.c_str(), arguments);
  return failed(std::string("does not start: ") + std::strerror(errno));
}

}  // namespace drumline::app
