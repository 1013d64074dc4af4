#include "ebpf/kernel_error.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include <bpf/libbpf.h>

#include "base/log.hpp"

namespace drumline::ebpf {
namespace {

int log_libbpf(libbpf_print_level, const char* format, va_list arguments) {
  if (!log_enabled(LogLevel::debug)) return 0;
  std::array<char, 1024> line;
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string_view text(line.data());
  while (text.ends_with('\n')) text.remove_suffix(1);
  log_debug("{}", text);
  return length;
}

}  // namespace

Error kernel_error(const std::string& doing, int number) {
  number = std::abs(number);
  std::string sentence = "cannot " + doing + ": ";
  ErrorCode code = ErrorCode::io;
  switch (number) {
    case EACCES:
      code = ErrorCode::permission;
      sentence += "only its owner may; run it as the node's user, or as root";
      break;
    case EPERM:
      code = ErrorCode::permission;
      sentence +=
          "the kernel does not let this process; run it as root, or give it CAP_BPF and CAP_NET_ADMIN "
          "(AmbientCapabilities= of its systemd unit, --cap-add of its container)";
      break;
    case ENOSYS:
      code = ErrorCode::unavailable;
      sentence += "this kernel has no eBPF (CONFIG_BPF_SYSCALL); use another kernel";
      break;
    case EMFILE:
    case ENFILE:
      code = ErrorCode::unavailable;
      sentence += "too many files are open; raise the limit (ulimit -n)";
      break;
    default:
      sentence += std::error_code(number, std::system_category()).message() +
                  "; with log.level = \"debug\" the log has what the kernel says of it";
  }
  return {code, std::move(sentence)};
}

Error load_error(const std::string& doing, int number) {
  // What the verifier says no to, and what it does not know.
  if (std::abs(number) != EACCES && std::abs(number) != EINVAL) return kernel_error(doing, number);
  return {ErrorCode::unavailable, "cannot " + doing +
                                      ": this kernel refuses the program, which takes Linux 5.18 or later; "
                                      "with log.level = \"debug\" the log has its reasons"};
}

void quiet_libbpf() {
  libbpf_set_print(log_libbpf);
}

}  // namespace drumline::ebpf
