#include "bench/child_process.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace drumline::bench {

Result<ChildProcess> ChildProcess::start(const std::string& program,
                                         const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    return Error{ErrorCode::unavailable, std::string("no pipe for a child process: ") + std::strerror(errno)};
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  std::vector<std::string> words{"drumline"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t id = -1;
  const int failed = ::posix_spawn(&id, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (failed != 0) {
    ::close(pipe_ends[0]);
    return Error{ErrorCode::unavailable,
                 std::string("a child process cannot be started: ") + std::strerror(failed)};
  }
  return ChildProcess(id, pipe_ends[0]);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      output_(std::exchange(other.output_, -1)),
      buffered_(std::move(other.buffered_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(output_, other.output_);
  std::swap(buffered_, other.buffered_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (output_ >= 0) ::close(output_);
  if (id_ > 0) {
    ::kill(id_, SIGKILL);
    wait();
  }
}

bool ChildProcess::ended() const {
  siginfo_t what{};
  return id_ <= 0 || (::waitid(P_PID, static_cast<id_t>(id_), &what, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                      what.si_pid != 0);
}

std::optional<std::string> ChildProcess::read_line(int timeout_ms) {
  while (true) {
    if (const std::size_t end = buffered_.find('\n'); end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    pollfd waiting{output_, POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) <= 0) return std::nullopt;
    std::array<char, 4096> bytes{};
    const ssize_t size = ::read(output_, bytes.data(), bytes.size());
    if (size <= 0) return std::nullopt;
    buffered_.append(bytes.data(), static_cast<std::size_t>(size));
  }
}

void ChildProcess::signal(int number) const {
  if (id_ > 0) ::kill(id_, number);
}

int ChildProcess::wait() {
  if (id_ <= 0) return -1;
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
  }
  id_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace drumline::bench
