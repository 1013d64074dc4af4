// Whether this machine lets a test load programs into its kernel.
#pragma once

#include <string>

#include "ebpf/shaping.hpp"

namespace drumline::testing {

/// Empty when it does; otherwise why not, as a node would say it. For a test with a TwoHosts.
inline std::string why_no_ebpf() {
  ebpf::ShapingOptions options;
  options.interfaces = {"node0"};
  options.pin_folder = "/sys/fs/bpf/drumline-probe";
  const auto tried = ebpf::Shaping::start(options);
  const bool refused =
      !tried && (tried.error().code == ErrorCode::permission || tried.error().code == ErrorCode::unavailable);
  return refused ? tried.error().message : std::string();
}

}  // namespace drumline::testing
