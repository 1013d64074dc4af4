// What the kernel lets the calling thread do, for tests that need it and tests of its lack.
#pragma once

#include <array>
#include <vector>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/types.hpp"

namespace drumline::testing {

/// The calling thread is without some capabilities for the object's life; new threads are too.
class WithoutCapabilities {
 public:
  explicit WithoutCapabilities(const std::vector<int>& capabilities) {
    get(before_);
    Sets after = before_;
    for (const int capability : capabilities)
      after[static_cast<std::size_t>(capability) / 32].effective &= ~(u32{1} << (capability % 32));
    set(after);
  }
  ~WithoutCapabilities() { set(before_); }
  WithoutCapabilities(const WithoutCapabilities&) = delete;
  WithoutCapabilities& operator=(const WithoutCapabilities&) = delete;

 private:
  using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;
  static void get(Sets& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    DRUM_ASSERT(::syscall(SYS_capget, &header, sets.data()) == 0);
  }
  static void set(const Sets& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    DRUM_ASSERT(::syscall(SYS_capset, &header, sets.data()) == 0);
  }
  Sets before_{};
};

}  // namespace drumline::testing
