// broadcast/loss/*: what clients know and are sent when datagrams are lost.
#pragma once

#include "bench.hpp"

namespace drumline::bench {

/// A battle of `players`, some of whose clients lose `loss_percent` of all datagrams, both
/// ways, for `ticks` ticks. Reports how many ticks what they know lies back, from the
/// server's tick at which a datagram comes (its own way is not counted), and the bytes
/// that a client is sent a tick.
Result<void> run_broadcast_loss(u32 players, u32 loss_percent, u32 ticks, const Report& report);

}  // namespace drumline::bench
