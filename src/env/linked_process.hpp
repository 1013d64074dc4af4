// A child process with a stream socket to it. Linux: it does not outlive the thread that started it.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::env {

/// Where a linked process finds its end of the socket.
inline constexpr int kLinkDescriptor = 3;

/// How a process ended.
struct ProcessEnd {
  bool by_signal = false;
  int number = 0;  ///< the signal, or the exit status

  /// "was ended by signal 11 (Segmentation fault)" or "exited with status 3"
  std::string to_string() const;
};

/// Killed and waited for, if it still runs, when this goes.
class LinkedProcess {
 public:
  /// Runs `program` with `arguments` (the name it is called by excluded). It inherits standard
  /// output and error and its end of the socket, and no other descriptor.
  static Result<LinkedProcess> start(const std::string& program, const std::vector<std::string>& arguments);
  LinkedProcess(LinkedProcess&& other) noexcept;
  LinkedProcess& operator=(LinkedProcess&&) = delete;
  ~LinkedProcess();

  pid_t id() const { return id_; }
  /// Our end of the socket: a stream, does not block. At its end the process has closed its own.
  int link() const { return link_; }
  /// Waits until it has ended, and kills it when it has not after `grace_ns`.
  ProcessEnd end_within(i64 grace_ns);

 private:
  LinkedProcess(pid_t id, int link) : id_(id), link_(link) {}
  pid_t id_;
  int link_;
};

/// In the process that was started: readies the link (it does not block from here on) and asks
/// the kernel to end this process with the thread that started it. Signals that a terminal or a
/// service manager sends to all of the group are ignored: the starter says when to stop.
Result<void> adopt_link(int descriptor);

}  // namespace drumline::env
