// Bit strings as in docs/formats/state-frame.md: filled from the least
// significant bit of the first byte on.
#pragma once

#include <cstring>

#include "base/types.hpp"

namespace drumline::broadcast {

/// Appends to memory that has room for all that is put plus 8 bytes.
class BitWriter {
 public:
  explicit BitWriter(std::byte* out) : out_(out) {}

  /// width <= 56; value < 2^width.
  void put(u64 value, u32 width) {
    pending_ |= value << fill_;
    fill_ += width;
    std::memcpy(out_, &pending_, 8);
    out_ += fill_ / 8;
    // fill_ can be 63 at most, so that no shift reaches 64.
    pending_ >>= fill_ & ~7U;
    fill_ &= 7;
  }

  /// Values of equal width; several go into one put where they fit.
  void put_all(const u32* values, u32 count, u32 width) {
    u32 i = 0;
    if (width <= 14) {
      for (; i + 4 <= count; i += 4) {
        const u64 low = values[i] | (u64{values[i + 1]} << width);
        const u64 high = values[i + 2] | (u64{values[i + 3]} << width);
        put(low | (high << (2 * width)), 4 * width);
      }
    } else if (width <= 28) {
      for (; i + 2 <= count; i += 2) put(values[i] | (u64{values[i + 1]} << width), 2 * width);
    }
    for (; i < count; ++i) put(values[i], width);
  }

  /// Pads to a whole byte; returns the end. The writer may go on after it.
  std::byte* finish() {
    if (fill_ > 0) ++out_;
    pending_ = 0;
    fill_ = 0;
    return out_;
  }

 private:
  std::byte* out_;
  u64 pending_ = 0;
  u32 fill_ = 0;
};

/// Reads a bit string that ends before `bytes` does. A read past the end yields
/// zeros and leaves the reader failed.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  /// width <= 56.
  u64 take(u32 width) {
    if (width > bytes_.size() * 8 - position_) {
      failed_ = true;
      position_ = bytes_.size() * 8;
      return 0;
    }
    const std::size_t byte = position_ / 8;
    u64 word = 0;
    if (byte + 8 <= bytes_.size()) {
      std::memcpy(&word, bytes_.data() + byte, 8);
    } else {
      std::memcpy(&word, bytes_.data() + byte, bytes_.size() - byte);
    }
    word >>= position_ % 8;
    position_ += width;
    return word & ((u64{1} << width) - 1);
  }

  bool ok() const { return !failed_; }
  std::size_t bits_left() const { return bytes_.size() * 8 - position_; }
  /// Bytes used so far, the last one counted whole.
  std::size_t bytes_used() const { return (position_ + 7) / 8; }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
  bool failed_ = false;
};

constexpr u32 low_mask(u32 bits) {
  return bits >= 32 ? 0xFFFF'FFFFU : (1U << bits) - 1;
}

/// A value of `bits` bits as the signed number it is in two's complement.
constexpr i32 sign_extend(u32 value, u32 bits) {
  const u32 unused = 32 - bits;
  return static_cast<i32>(value << unused) >> unused;
}

/// The difference of two values of `bits` bits, modulo 2^bits, as zigzag.
constexpr u32 zigzag_difference(u32 value, u32 base, u32 bits) {
  const i32 difference = sign_extend(value - base, bits);
  return (static_cast<u32>(difference) << 1) ^ static_cast<u32>(difference >> 31);
}

constexpr u32 unzigzag(u32 coded) {
  return (coded >> 1) ^ (0U - (coded & 1));
}

constexpr u32 varint_size(u64 value) {
  u32 size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

/// Writes a varint where there is room for 10 bytes; returns its end.
inline std::byte* put_varint(std::byte* out, u64 value) {
  while (value >= 0x80) {
    *out++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

}  // namespace drumline::broadcast
