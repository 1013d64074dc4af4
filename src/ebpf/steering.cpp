#include "ebpf/steering.hpp"

#include <cerrno>

#include <bpf/bpf.h>
#include <sys/socket.h>

#include "base/types.hpp"
#include "ebpf/kernel_error.hpp"
#include "steering.skel.h"

namespace drumline::ebpf {

Result<void> steer_by_connection_id(std::span<const int> sockets) {
  DRUM_ASSERT(!sockets.empty() && sockets.size() <= 256);
  const std::string what = "steer packets by their connection ids";
  quiet_libbpf();
  const SkeletonPointer<steering_bpf> steering(steering_bpf::open());
  if (!steering) return kernel_error(what, errno);
  bpf_map__set_max_entries(steering->maps.sockets, static_cast<u32>(sockets.size()));
  if (const int failed = steering_bpf::load(steering.get()); failed != 0) return load_error(what, failed);
  const int map = bpf_map__fd(steering->maps.sockets);
  for (u32 shard = 0; shard < sockets.size(); ++shard) {
    const u64 socket = static_cast<u64>(sockets[shard]);
    if (bpf_map_update_elem(map, &shard, &socket, BPF_NOEXIST) != 0) return kernel_error(what, errno);
  }
  // It holds for the whole group of sockets, which keeps the program, as that keeps the map.
  const int program = bpf_program__fd(steering->progs.steer);
  if (::setsockopt(sockets.front(), SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program, sizeof program) != 0)
    return kernel_error(what, errno);
  return {};
}

}  // namespace drumline::ebpf
