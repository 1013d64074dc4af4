#include "ebpf/interface_hooks.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ebpf/kernel_error.hpp"

namespace drumline::ebpf {
namespace {

// What tells our filter from those of others; with these alone libbpf finds it again after a crash.
constexpr u32 kFilterHandle = 0xD7;
constexpr u32 kFilterPriority = 0xD701;
constexpr std::string_view kEgressProgram = "police";

bpf_tc_hook egress_of(u32 interface_index) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(interface_index);
  hook.attach_point = BPF_TC_EGRESS;
  return hook;
}
bpf_tc_opts our_filter() {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
  return options;
}

/// The id of the program where ours goes; 0: none is there.
u32 egress_program(u32 interface_index) {
  const bpf_tc_hook hook = egress_of(interface_index);
  bpf_tc_opts filter = our_filter();
  return bpf_tc_query(&hook, &filter) == 0 ? filter.prog_id : 0;
}

/// To look needs CAP_SYS_ADMIN; without, handle and priority have to do.
bool is_of_others(u32 program_id) {
  const Descriptor program(bpf_prog_get_fd_by_id(program_id));
  if (program.number() < 0) return false;
  bpf_prog_info info{};
  u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(program.number(), &info, &size) != 0) return false;
  return kEgressProgram != info.name;
}

}  // namespace

Result<Interface> find_interface(const std::string& name) {
  const u32 index = ::if_nametoindex(name.c_str());
  if (index == 0) {
    return Error{ErrorCode::not_found, "shaping.interfaces names \"" + name +
                                           "\", and this machine has no such network interface; "
                                           "`ip link` lists those that it has"};
  }
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (::ioctl(socket.number(), SIOCGIFHWADDR, &request) == 0 &&
      request.ifr_hwaddr.sa_family != ARPHRD_ETHER && request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK) {
    return Error{ErrorCode::invalid_argument,
                 "shaping.interfaces names " + name +
                     ", whose packets have no Ethernet header; name the Ethernet interface below it"};
  }
  return Interface{name, index};
}

Result<Descriptor> attach_xdp(int program, const Interface& interface, XdpMode mode) {
  const auto attach = [&](u32 flags) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = flags;
    return bpf_link_create(program, static_cast<int>(interface.index), BPF_XDP, &options);
  };
  const u32 first = mode == XdpMode::native    ? XDP_FLAGS_DRV_MODE
                    : mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE
                                               : 0U;
  int link = attach(first);
  if (link < 0 && mode == XdpMode::automatic && link != -EBUSY && link != -EPERM)
    link = attach(XDP_FLAGS_SKB_MODE);
  if (link >= 0) return Descriptor(link);
  if (link == -EBUSY || link == -EEXIST) {
    return Error{ErrorCode::unavailable,
                 "the interface " + interface.name +
                     " has an XDP program of somebody else, perhaps of another node; end that (`ip link "
                     "set dev " +
                     interface.name + " xdp off`), or leave it out of shaping.interfaces"};
  }
  if (link == -EOPNOTSUPP && mode == XdpMode::native) {
    return Error{ErrorCode::unavailable, "the driver of " + interface.name +
                                             " has no native XDP; set shaping.mode to \"auto\" or "
                                             "\"generic\""};
  }
  return kernel_error("attach the XDP program to " + interface.name, link);
}

bool is_native_xdp(const Interface& interface) {
  bpf_xdp_query_opts options{};
  options.sz = sizeof options;
  return bpf_xdp_query(static_cast<int>(interface.index), 0, &options) == 0 &&
         options.attach_mode == XDP_ATTACHED_DRV;
}

Result<void> attach_egress(int program, const Interface& interface) {
  const std::string what = "attach the egress program to " + interface.name;
  bpf_tc_hook hook = egress_of(interface.index);
  if (const int failed = bpf_tc_hook_create(&hook); failed != 0 && failed != -EEXIST)
    return kernel_error(what, failed);
  if (const u32 there = egress_program(interface.index); there != 0 && is_of_others(there)) {
    return Error{ErrorCode::unavailable,
                 "cannot " + what + ": a filter of somebody else has our place there; `tc filter show dev " +
                     interface.name + " egress` shows it"};
  }
  bpf_tc_opts filter = our_filter();
  filter.prog_fd = program;
  filter.flags = BPF_TC_F_REPLACE;
  if (const int failed = bpf_tc_attach(&hook, &filter); failed != 0) return kernel_error(what, failed);
  return {};
}

Result<void> remove_egress(u32 interface_index) {
  const u32 there = egress_program(interface_index);
  if (there == 0 || is_of_others(there)) return {};
  const bpf_tc_hook hook = egress_of(interface_index);
  const bpf_tc_opts filter = our_filter();
  // The clsact qdisc stays: others may use it by now, and empty it costs nothing.
  if (const int failed = bpf_tc_detach(&hook, &filter); failed != 0 && failed != -ENOENT)
    return kernel_error("remove the egress program of interface " + std::to_string(interface_index), failed);
  return {};
}

}  // namespace drumline::ebpf
