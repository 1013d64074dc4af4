// Several sockets on one UDP port, and each packet to the one that has its connection.
#pragma once

#include <span>

#include "base/result.hpp"

namespace drumline::ebpf {

/// From here on the kernel hands a packet whose destination connection id begins with a byte i, and is
/// as long as ours, to sockets[i], whatever address it comes from; all others it spreads by its hash of
/// the addresses, as it did before. `sockets` are bound to one port with SO_REUSEPORT, at most 256. It
/// holds while any of them is open.
///
/// Needs CAP_BPF and CAP_NET_ADMIN: ErrorCode::permission without, and then nothing has changed.
Result<void> steer_by_connection_id(std::span<const int> sockets);

}  // namespace drumline::ebpf
