// The raw limit that a server's sending is measured against: as many bytes by
// sendmmsg over loopback to as many sockets, drained by another thread.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::bench {

struct RawSend {
  double sender_us = 0;    ///< CPU of the sending thread for each packet
  double receiver_us = 0;  ///< CPU of the draining thread for each packet received
  u64 packets = 0;
};
Result<RawSend> measure_raw_send(std::size_t packet_bytes, u32 sockets, double packets_per_s, double seconds);

}  // namespace drumline::bench
