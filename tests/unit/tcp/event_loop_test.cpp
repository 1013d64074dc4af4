#include "transport/tcp/event_loop.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/types.hpp"

namespace drumline::transport {
namespace {

#if defined(BOOST_ASIO_HAS_IO_URING)
constexpr const char* kLoop = "io_uring";
constexpr u32 kSystemCall = SYS_io_uring_setup;
constexpr const char* kSentence =
    "the kernel does not let us have io_uring .Operation not permitted.: let it by .*io_uring_disabled.*"
    "threads.event_loop = \"epoll\"";
#else
constexpr const char* kLoop = "epoll";
constexpr u32 kSystemCall = SYS_epoll_create1;
constexpr const char* kSentence = "the kernel does not let us have epoll .Operation not permitted.";
#endif

/// As a container's seccomp profile does it; for the rest of the process.
void forbid(u32 system_call) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, system_call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{4, program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    std::exit(4);
}

TEST(EventLoop, is_the_one_that_asio_was_compiled_for) {
  EXPECT_EQ(event_loop_name(), kLoop);
  const auto works = check_event_loop();
  EXPECT_TRUE(works.ok()) << works.error().message;
}

TEST(EventLoopDeathTest, that_the_kernel_refuses_is_said_in_one_sentence_with_the_way_out) {
  const auto refused = [] {
    forbid(kSystemCall);
    const auto works = check_event_loop();
    if (works.ok()) std::exit(5);
    std::fprintf(stderr, "%s\n", works.error().message.c_str());
    std::exit(3);
  };
  EXPECT_EXIT(refused(), ::testing::ExitedWithCode(3), kSentence);
}

}  // namespace
}  // namespace drumline::transport
