// Which of a session's battles a datagram is of: those of an earlier one may come late
// (docs/formats/messages.md, "One battle after another").
#pragma once

#include "base/types.hpp"

namespace drumline::wire {

/// Visits are counted modulo this. A session may not say Hello so often that a datagram
/// could be on its way for as many.
inline constexpr u8 kVisits = 16;

/// Marks a state frame or a lockstep frame: the high half of its flags, the second byte.
constexpr void set_visit(MutableBytes datagram, u8 visit) {
  datagram[1] |= static_cast<std::byte>(visit << 4);
}
/// Of such a datagram; 0 when it is too short to be one.
constexpr u8 visit_of(Bytes datagram) {
  return datagram.size() < 2 ? u8{0} : static_cast<u8>(static_cast<u8>(datagram[1]) >> 4);
}

}  // namespace drumline::wire
