// The player's command on the wire: a FlatBuffers CombatCommand, whose first five
// fields are the article's. This is the hot path in: no Result, no allocation.
// Format: docs/formats/command.md.
#pragma once

#include <array>
#include <span>

#include "base/types.hpp"
#include "world/rules.hpp"

namespace drumline::wire {

/// Most key frame acknowledgements in one command.
inline constexpr std::size_t kMaxKeyAcks = 32;
/// Largest payload that is looked at as a command, bytes.
inline constexpr std::size_t kMaxCommandPayloadBytes = 512;
/// Most frames of one datagram that a server reads.
inline constexpr std::size_t kMaxCommandsPerDatagram = 8;
/// Largest frame that encode_command() makes, bytes.
inline constexpr std::size_t kMaxCommandFrameBytes = 8 + 108 + 4 * kMaxKeyAcks;

/// What travels with a command and concerns not the battle but what its sender is sent.
struct CommandAcks {
  u32 sync_tick = 0;  ///< lockstep: the newest tick that he has stepped (low 32 bits); 0: none
  u64 sync_hash = 0;  ///< … and his state hash after it
  u8 visit = 0;       ///< of the battle that the command is meant for (Welcome::visit)
  /// Key frames that he newly holds, each `stream << 8 | key` (state-frame.md).
  u32 count = 0;
  std::array<u32, kMaxKeyAcks> values;  // set up to count only

  std::span<const u32> view() const { return {values.data(), count}; }
};

enum class DecodeStatus : u8 {
  ok,
  too_large,       ///< more than kMaxCommandPayloadBytes
  malformed,       ///< the FlatBuffers verifier refuses it (depth 16, tables 256)
  too_many_acks,   ///< more than kMaxKeyAcks
  unknown_action,  ///< decoded all the same, so that the sender can be told which cmd_id it was
};
const char* decode_status_name(DecodeStatus status);

/// Verifies the payload of a frame and decodes it into `out` and `acks`. Every
/// field of `out` is written, an absent one as 0. Any alignment. Unless the status
/// is ok or unknown_action, `out` and `acks` hold nothing of use.
DecodeStatus decode_command(Bytes payload, world::Command& out, CommandAcks& acks);

/// What a sender has stepped in lockstep.
struct SyncAck {
  u32 tick = 0;
  u64 hash = 0;
};

/// Writes one whole frame to the start of `out` and returns its size in bytes;
/// 0 when it does not fit or there are more than kMaxKeyAcks acknowledgements. `visit`
/// is the Welcome's.
std::size_t encode_command(const world::Command& command, std::span<const u32> key_acks, MutableBytes out,
                           const SyncAck& sync = {}, u8 visit = 0);

}  // namespace drumline::wire
