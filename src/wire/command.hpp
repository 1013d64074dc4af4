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
inline constexpr std::size_t kMaxCommandFrameBytes = 8 + 80 + 4 * kMaxKeyAcks;

/// Key frames that a client newly holds, each `stream << 8 | key` (state-frame.md).
struct KeyAcks {
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
DecodeStatus decode_command(Bytes payload, world::Command& out, KeyAcks& acks);

/// Writes one whole frame to the start of `out` and returns its size in bytes;
/// 0 when it does not fit or there are more than kMaxKeyAcks acknowledgements.
std::size_t encode_command(const world::Command& command, std::span<const u32> acks, MutableBytes out);

}  // namespace drumline::wire
