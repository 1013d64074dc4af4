#include "env/linked_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace drumline::env {
namespace {

Error refused(const char* what, int reason) {
  return {ErrorCode::unavailable, std::string(what) + ": " + std::strerror(reason)};
}

}  // namespace

std::string ProcessEnd::to_string() const {
  if (!by_signal) return "exited with status " + std::to_string(number);
  return "was ended by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

Result<LinkedProcess> LinkedProcess::start(const std::string& program,
                                           const std::vector<std::string>& arguments) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return refused("no socket for a child process", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], kLinkDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&actions, kLinkDescriptor + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t id = -1;
  const int failed = ::posix_spawn(&id, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return refused(("the process " + program + " cannot be started").c_str(), failed);
  }
  return LinkedProcess(id, ends[0]);
}

LinkedProcess::LinkedProcess(LinkedProcess&& other) noexcept
    : id_(std::exchange(other.id_, -1)), link_(std::exchange(other.link_, -1)) {}

LinkedProcess::~LinkedProcess() {
  end_within(0);
  if (link_ >= 0) ::close(link_);
}

ProcessEnd LinkedProcess::end_within(i64 grace_ns) {
  if (id_ <= 0) return {};
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));
  if (handle >= 0) {
    pollfd ended{handle, POLLIN, 0};
    ::poll(&ended, 1, static_cast<int>(grace_ns / kMillisecondNs));
    ::close(handle);
  }
  // One that has ended keeps its end.
  ::kill(id_, SIGKILL);
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
  }
  id_ = -1;
  return WIFSIGNALED(status) ? ProcessEnd{true, WTERMSIG(status)} : ProcessEnd{false, WEXITSTATUS(status)};
}

Result<void> adopt_link(int descriptor) {
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  // The starter's death before this call shows at the link's end.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return refused("prctl(PR_SET_PDEATHSIG)", errno);
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) {
    return refused("the link to the process that started this one", errno);
  }
  return {};
}

}  // namespace drumline::env
