// Two machines and a cable, made of network namespaces and a veth pair: the calling thread is on the one
// that is tested, "node0" being its interface; a peer is at the other end. All of it goes with the process.
#pragma once

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/types.hpp"

namespace drumline::testing {

inline bool run_command(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
}

/// Made on the main thread, before it has started others. A BPF file system of its own is at /sys/fs/bpf.
class TwoHosts {
 public:
  static constexpr const char* kNode4 = "10.9.0.1";
  static constexpr const char* kPeer4 = "10.9.0.2";
  static constexpr const char* kNode6 = "fd09::1";
  static constexpr const char* kPeer6 = "fd09::2";

  TwoHosts() {
    why_not_ = make();
    if (!why_not_.empty()) why_not_ += "; run the test as root, with CAP_SYS_ADMIN and CAP_NET_ADMIN";
  }
  ~TwoHosts() {
    if (peer_process_ > 0) {
      ::kill(peer_process_, SIGKILL);
      ::waitpid(peer_process_, nullptr, 0);
    }
    if (node_ >= 0) ::close(node_);
    if (peer_ >= 0) ::close(peer_);
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  /// Empty when they are there.
  const std::string& why_not() const { return why_not_; }

  /// Runs something as if on the peer: sockets that it opens are the peer's.
  template <class Function>
  auto on_peer(const Function& function) const {
    DRUM_ASSERT(::setns(peer_, CLONE_NEWNET) == 0);
    struct Back {
      int node;
      ~Back() { DRUM_ASSERT(::setns(node, CLONE_NEWNET) == 0); }
    } const back{node_};
    return function();
  }

 private:
  static std::string failed(const char* doing) {
    return std::string("this machine does not let a test ") + doing + " (" + std::strerror(errno) + ")";
  }

  std::string make() {
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return failed("make network namespaces");
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return failed("keep its mounts to itself");
    if (::mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") != 0) return failed("mount a BPF file system");
    std::array<int, 2> ready{};
    DRUM_ASSERT(::pipe2(ready.data(), O_CLOEXEC) == 0);
    peer_process_ = ::fork();
    if (peer_process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char made = ::unshare(CLONE_NEWNET) == 0 ? 1 : 0;
      if (::write(ready[1], &made, 1) == 1) ::pause();
      ::_exit(0);
    }
    char made = 0;
    const bool told = ::read(ready[0], &made, 1) == 1;
    ::close(ready[0]);
    ::close(ready[1]);
    if (!told || made == 0) return "this machine does not let a test make a second network namespace";
    const std::string peer = std::to_string(peer_process_);
    node_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    peer_ = ::open(("/proc/" + peer + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
    if (!run_command("ip link set lo up && ip link add node0 address 02:00:00:00:00:01 type veth peer name "
                     "peer0 netns " +
                     peer +
                     " && ip address add 10.9.0.1/24 dev node0 && ip address add fd09::1/64 dev node0 nodad"
                     " && ip link set node0 up"))
      return "this machine does not let a test make a veth pair";
    const bool up = on_peer([] {
      return run_command(
          "ip link set lo up && ip address add 10.9.0.2/24 dev peer0 && ip address add fd09::2/64 dev peer0 "
          "nodad && ip link set peer0 up && ip route add default dev peer0"
          // Asked for by a stranger with a source that is not the peer's, they would not be found.
          " && ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:01 dev peer0"
          " && ip neighbour add fd09::1 lladdr 02:00:00:00:00:01 dev peer0");
    });
    return up ? "" : "the peer's end of a veth pair does not come up";
  }

  std::string why_not_;
  pid_t peer_process_ = -1;
  int node_ = -1;
  int peer_ = -1;
};

}  // namespace drumline::testing
