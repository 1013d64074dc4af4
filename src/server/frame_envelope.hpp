// What stands before a battle frame in the frame ring.
#pragma once

#include "base/types.hpp"

namespace drumline::server {

struct FrameEnvelope {
  u64 journal_sequence = 0;  ///< the frame may be shown once this write is durable
  TimeNs published_at = 0;   ///< monotonic
};
// A battle frame lies on a multiple of 8 bytes.
static_assert(sizeof(FrameEnvelope) % 8 == 0);

}  // namespace drumline::server
