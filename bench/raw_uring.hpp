// The rival to sendmmsg: the same packets by io_uring.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::bench {

enum class UringSend : u8 {
  plain,      ///< a copy in the kernel, the socket registered
  zero_copy,  ///< IORING_OP_SEND_ZC out of registered buffers
};

/// This thread's processor time for a packet of so many bytes to one of `sockets` others on loopback,
/// which are drained meanwhile, µs; `packets` of them. unavailable: this kernel has no such operation.
Result<double> measure_uring_send(UringSend how, std::size_t packet_bytes, u32 sockets, u64 packets);

}  // namespace drumline::bench
