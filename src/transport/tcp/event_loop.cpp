#include "transport/tcp/event_loop.hpp"

#include <cerrno>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

namespace drumline::transport {
namespace {

#if defined(BOOST_ASIO_HAS_IO_URING_AS_DEFAULT)
constexpr std::string_view kName = "io_uring";
#else
constexpr std::string_view kName = "epoll";
#endif

/// What helps against the ways in which io_uring_setup(2) fails.
std::string way_out(int number) {
  switch (number) {
    case EPERM:
    case EACCES:
      return "let it by `sysctl kernel.io_uring_disabled=0` and by the container's seccomp profile";
    case ENOSYS:
      return "it needs Linux 5.10 or newer, and a seccomp profile that knows it";
    case ENOMEM:
      return "raise the limit of locked memory (`ulimit -l`)";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (`ulimit -n`)";
    default:
      return "look into the kernel's log";
  }
}

}  // namespace

std::string_view event_loop_name() {
  return kName;
}

Result<void> check_event_loop() {
  try {
    boost::asio::io_context io{1};
    // The first object that waits for something is what asks the kernel.
    const boost::asio::steady_timer timer(io);
    return {};
  } catch (const boost::system::system_error& failed) {
    std::string sentence = "the kernel does not let us have " + std::string(kName) + " (" +
                           failed.code().message() + "): " + way_out(failed.code().value());
    if (kName == "io_uring") sentence += ", or set threads.event_loop = \"epoll\"";
    return Error{ErrorCode::unavailable, std::move(sentence)};
  }
}

}  // namespace drumline::transport
