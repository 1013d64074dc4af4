// The head of a state frame and its padding (docs/formats/state-frame.md).
#pragma once

#include <cstring>

#include "base/types.hpp"

namespace drumline::broadcast {

inline constexpr std::size_t kStateFrameHeadBytes = 12;
inline constexpr std::byte kStateFrameKind{0x01};
inline constexpr std::byte kStateFramePadded{0x01};  ///< a bit of its flags, the second byte
inline constexpr std::size_t kMaxPaddingBytes = 255;

/// Lengthens the frame of `size` bytes at the start of `room` to `wanted` bytes, when
/// that is at most kMaxPaddingBytes more; returns its size. Frames of one size can
/// leave together.
inline std::size_t pad_state_frame(MutableBytes room, std::size_t size, std::size_t wanted) {
  if (size < kStateFrameHeadBytes || size >= wanted || wanted > room.size()) return size;
  const std::size_t padding = wanted - size;
  if (padding > kMaxPaddingBytes) return size;
  room[1] |= kStateFramePadded;
  std::memset(room.data() + size, 0, padding - 1);
  room[wanted - 1] = static_cast<std::byte>(padding);
  return wanted;
}

/// The frame without its padding; empty when it says that it has more than it can.
inline Bytes without_padding(Bytes frame) {
  if (frame.size() <= kStateFrameHeadBytes || (frame[1] & kStateFramePadded) == std::byte{0}) return frame;
  const auto padding = static_cast<std::size_t>(frame.back());
  if (padding == 0 || padding > frame.size() - kStateFrameHeadBytes) return {};
  return frame.first(frame.size() - padding);
}

}  // namespace drumline::broadcast
