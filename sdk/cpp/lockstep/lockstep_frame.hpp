// What a server says of a battle's ticks to a client in lockstep: the datagram of the
// newest ones, and the message for those that no datagram can hold.
// Format: docs/formats/lockstep-frame.md.
#pragma once

#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "wire/messages.hpp"

namespace drumline::lockstep {

struct LockstepFrame {
  struct Entry {
    u32 age_ticks = 0;  ///< before newest_tick
    Bytes payload;      ///< as battle::decode_tick() reads it; a view into the datagram
  };

  /// By how many ticks this client's commands came early, the least since the last
  /// frame; negative: late. Nothing when none came.
  std::optional<int> margin_ticks;
  u32 newest_tick = 0;  ///< low 32 bits
  std::vector<Entry> entries;
};

/// Replaces `out`, whose memory is reused. Bytes may be hostile; malformed says why.
Result<void> decode_lockstep_frame(Bytes datagram, LockstepFrame& out);

/// The payloads of ticks.first_tick and those that follow it: each a varint length and
/// so many bytes. Views into the message; malformed says why.
Result<void> decode_ticks(const wire::Ticks& ticks, std::vector<Bytes>& payloads);

}  // namespace drumline::lockstep
