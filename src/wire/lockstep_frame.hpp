// What both ends must know of a lockstep frame (docs/formats/lockstep-frame.md).
#pragma once

#include "base/types.hpp"

namespace drumline::wire {

/// The first byte of such a datagram.
inline constexpr std::byte kLockstepFrameKind{0x02};
inline constexpr std::size_t kLockstepFrameHeadBytes = 8;
/// The margin of a frame before which no command came.
inline constexpr i8 kNoMargin = 127;

}  // namespace drumline::wire
