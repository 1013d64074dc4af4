// The article's binary frame: magic F1 F2, payload size (u32) and CRC-16/IBM of
// the payload (u16), both in network order, then the payload. Every command and
// message travels in one, several to a datagram or back to back on a stream.
// Format: docs/formats/frame.md.
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include "base/bytes.hpp"
#include "base/crc.hpp"
#include "base/types.hpp"

namespace drumline::wire {

inline constexpr u16 kFrameMagic = 0xF1F2;
inline constexpr std::size_t kFrameHeaderBytes = 8;

/// Largest payload that a server takes from a client, bytes.
inline constexpr std::size_t kMaxClientPayloadBytes = 4096;
/// Largest payload that a client takes from a server, bytes.
inline constexpr std::size_t kMaxServerPayloadBytes = 256 << 10;

enum class FrameStatus : u8 {
  ok,
  incomplete,  ///< the bytes end before the frame does
  bad_magic,
  too_large,  ///< the size is above the limit
  bad_crc,
};
const char* frame_status_name(FrameStatus status);

struct ParsedFrame {
  FrameStatus status = FrameStatus::incomplete;
  Bytes payload;         ///< status ok only; a view into the parsed bytes
  std::size_t size = 0;  ///< bytes of the frame, header included; ok and bad_crc only
};

namespace detail {
inline u32 load_be32(const std::byte* at) {
  u32 value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}
inline u16 load_be16(const std::byte* at) {
  u16 value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}
}  // namespace detail

/// Parses the frame at the start of `bytes`.
inline ParsedFrame parse_frame(Bytes bytes, std::size_t max_payload) {
  if (bytes.size() < kFrameHeaderBytes) {
    const bool may_begin = (bytes.size() < 1 || bytes[0] == std::byte{0xF1}) &&
                           (bytes.size() < 2 || bytes[1] == std::byte{0xF2});
    return {may_begin ? FrameStatus::incomplete : FrameStatus::bad_magic, {}, 0};
  }
  if (detail::load_be16(bytes.data()) != kFrameMagic) return {FrameStatus::bad_magic, {}, 0};
  const std::size_t size = detail::load_be32(bytes.data() + 2);
  if (size > max_payload) return {FrameStatus::too_large, {}, 0};
  if (bytes.size() - kFrameHeaderBytes < size) return {FrameStatus::incomplete, {}, 0};
  const Bytes payload = bytes.subspan(kFrameHeaderBytes, size);
  if (crc16_ibm(payload) != detail::load_be16(bytes.data() + 6)) {
    return {FrameStatus::bad_crc, {}, kFrameHeaderBytes + size};
  }
  return {FrameStatus::ok, payload, kFrameHeaderBytes + size};
}

/// Writes the header of a frame whose payload already stands at
/// frame[kFrameHeaderBytes]; `frame` is exactly header and payload.
void seal_frame(MutableBytes frame);

/// Appends a whole frame. A frame that does not fit leaves `out` failed.
void encode_frame(Bytes payload, ByteWriter& out);
void encode_frame(Bytes payload, std::vector<std::byte>& out);

/// Calls on_frame(payload) for each frame of a datagram, at most `max_frames` of
/// them. A datagram holds whole frames and nothing else: the first fault ends it
/// and is returned, as does a frame too many (as too_large).
template <class OnFrame>
FrameStatus for_each_frame(Bytes datagram, std::size_t max_payload, std::size_t max_frames,
                           OnFrame on_frame) {
  while (!datagram.empty()) {
    if (max_frames-- == 0) return FrameStatus::too_large;
    const ParsedFrame frame = parse_frame(datagram, max_payload);
    if (frame.status != FrameStatus::ok) return frame.status;
    on_frame(frame.payload);
    datagram = datagram.subspan(frame.size);
  }
  return FrameStatus::ok;
}

struct FrameReaderLimits {
  std::size_t max_payload = kMaxClientPayloadBytes;
  /// The reader fails at this many errors. On a reliable transport a single one
  /// means that the peer does not speak our protocol; a few let a peer with a
  /// small defect be diagnosed. Each error costs at most one CRC of max_payload.
  u32 max_errors = 4;
};

/// Cuts a byte stream into frames. What is not a frame is skipped up to the next
/// magic that begins one (resynchronisation) and counted. Frames that arrive in
/// one piece are handed on without a copy; a partial one is kept, so memory is at
/// most one frame of the largest size. One thread.
class FrameReader {
 public:
  explicit FrameReader(FrameReaderLimits limits) : limits_(limits) {}

  /// Takes the next bytes of the stream and calls on_frame(payload) -> bool for
  /// each frame that they complete; the payload is valid during the call only.
  /// on_frame returns false to stop: nothing of the reader is touched after it,
  /// so it may have destroyed the reader. Returns false once the stream has
  /// failed or on_frame stopped it; what failed is failure().
  template <class OnFrame>
  bool feed(Bytes bytes, OnFrame on_frame) {
    while (!bytes.empty() || !partial_.empty()) {
      if (failure_ != FrameStatus::ok) return false;
      if (!partial_.empty()) {
        fill(bytes);
        const ParsedFrame frame = parse_frame(partial_, limits_.max_payload);
        if (frame.status == FrameStatus::ok) {
          in_garbage_ = false;
          ++frames_;
          // Moved out, so that on_frame may destroy this reader.
          std::vector<std::byte> whole = std::move(partial_);
          partial_.assign(whole.begin() + static_cast<std::ptrdiff_t>(frame.size), whole.end());
          if (!on_frame(frame.payload)) return false;
          if (partial_.empty()) {
            whole.clear();
            partial_ = std::move(whole);
          }
        } else if (frame.status == FrameStatus::incomplete) {
          if (bytes.empty()) return true;
        } else {
          if (!on_fault(frame.status)) return false;
          partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(skip(partial_)));
        }
        continue;
      }
      const ParsedFrame frame = parse_frame(bytes, limits_.max_payload);
      switch (frame.status) {
        case FrameStatus::ok:
          in_garbage_ = false;
          ++frames_;
          bytes = bytes.subspan(frame.size);
          if (!on_frame(frame.payload)) return false;
          break;
        case FrameStatus::incomplete:
          partial_.assign(bytes.begin(), bytes.end());
          return true;
        default:
          if (!on_fault(frame.status)) return false;
          bytes = bytes.subspan(skip(bytes));
      }
    }
    return failure_ == FrameStatus::ok;
  }

  /// Why the stream failed; ok while it has not. A failed reader takes nothing more.
  FrameStatus failure() const { return failure_; }
  u64 frames() const { return frames_; }
  u32 errors() const { return errors_; }
  u64 skipped_bytes() const { return skipped_bytes_; }
  std::size_t buffered_bytes() const { return partial_.size(); }

 private:
  /// Moves from `bytes` what the partial frame still lacks: its header, then its payload.
  void fill(Bytes& bytes);
  /// Counts; false when the stream has failed.
  bool on_fault(FrameStatus status);
  /// How far the next place is where a frame may begin, at least 1; counted as skipped.
  std::size_t skip(Bytes bytes);

  FrameReaderLimits limits_;
  std::vector<std::byte> partial_;
  bool in_garbage_ = false;
  FrameStatus failure_ = FrameStatus::ok;
  u32 errors_ = 0;
  u64 frames_ = 0;
  u64 skipped_bytes_ = 0;
};

}  // namespace drumline::wire
