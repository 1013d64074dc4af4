// Packets of our UDP port looked at in the kernel: what comes is refused there before it costs anything,
// what leaves is held to each client's rate. docs/operations.md, "eBPF"; programs/shaping.bpf.c.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ebpf/interface_hooks.hpp"
#include "ebpf/shaping_maps.hpp"

namespace drumline::ebpf {

struct ShapingOptions {
  std::vector<std::string> interfaces;  ///< 1 to SHAPING_INTERFACES
  XdpMode mode = XdpMode::automatic;
  shaping_settings settings{};  ///< `interfaces` in it is set here
  std::vector<PrefixRule> rules;
  u32 max_sources = 65536;  ///< and clients, that rates are kept of; the longest unheard go first
  std::string pin_folder;   ///< a folder to be made in a BPF file system
};

/// The programs run while this lives. A process that is killed leaves packets that come alone at once; its
/// pinned maps and egress programs stay, until the next start with the same folder takes them away.
///
/// Needs CAP_BPF and CAP_NET_ADMIN. One thread, but for maps().
class Shaping {
 public:
  /// unavailable when a running process has the same folder, or when there is no BPF file system;
  /// else as the parts say (interface_hooks.hpp). What was attached before a failure is detached.
  static Result<std::unique_ptr<Shaping>> start(const ShapingOptions& options);
  ~Shaping();
  Shaping(const Shaping&) = delete;
  Shaping& operator=(const Shaping&) = delete;

  /// Takes away what a process that was killed has left in `folder` and at its interfaces; true when there
  /// was anything. unavailable when that process runs.
  static Result<bool> remove_leftovers(const std::string& folder);

  const ShapingMaps& maps() const;
  ShapingMaps& maps();
  /// "eth0 (native)", one for each interface.
  std::vector<std::string> attached() const;

 private:
  struct Impl;
  explicit Shaping(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::ebpf
