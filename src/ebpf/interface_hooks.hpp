// Where programs hang at a network interface: XDP for packets that come, clsact for those that leave.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/types.hpp"
#include "ebpf/shaping_maps.hpp"

namespace drumline::ebpf {

/// automatic: native where the driver has it and takes it, generic otherwise.
enum class XdpMode { automatic, native, generic };

struct Interface {
  std::string name;
  u32 index = 0;
};

/// not_found when this machine has none of that name, invalid_argument when its packets are no Ethernet.
Result<Interface> find_interface(const std::string& name);

/// The program runs for each packet that comes as long as the descriptor is open, so also no longer than the
/// process. unavailable when another XDP program is there.
Result<Descriptor> attach_xdp(int program, const Interface& interface, XdpMode mode);
/// Whether the interface's XDP program runs in its driver.
bool is_native_xdp(const Interface& interface);

/// The program runs for each packet that leaves, until remove_egress(), whatever becomes of the process. A
/// program of ours that is there already is replaced; one of others is left, and refused is returned.
Result<void> attach_egress(int program, const Interface& interface);
/// Removes a program of ours, if one is there. The interface may be gone.
Result<void> remove_egress(u32 interface_index);

}  // namespace drumline::ebpf
