// A program, mostly this very binary's other subcommands, as a process of its own
// with its output on a pipe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::bench {

inline constexpr char kThisBinary[] = "/proc/self/exe";

/// Killed, if it still runs, when this goes.
class ChildProcess {
 public:
  /// Runs `program` with `arguments`; stderr is ours.
  static Result<ChildProcess> start(const std::string& program, const std::vector<std::string>& arguments);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// The next line of its output, without the newline; nothing at its end, or
  /// when `timeout_ms` passes first.
  std::optional<std::string> read_line(int timeout_ms);
  void signal(int number) const;
  /// It has ended already; wait() tells how.
  bool ended() const;
  /// Waits for its end; the exit status, or 128 + the signal that ended it.
  int wait();
  pid_t id() const { return id_; }

 private:
  ChildProcess(pid_t id, int output) : id_(id), output_(output) {}
  pid_t id_ = -1;
  int output_ = -1;
  std::string buffered_;
};

}  // namespace drumline::bench
