// Byte cursors: bounds-checked little-endian reading and writing of views that
// somebody else owns. Neither allocates, and neither throws: a read past the
// end yields zero and leaves the cursor failed, a write past the end is dropped
// and leaves it failed, so a format is parsed straight and checked once.
#pragma once

#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/types.hpp"

namespace drumline {

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Most bytes of a varint.
inline constexpr std::size_t kMaxVarintBytes = 10;

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  /// False once any read went past the end or a varint was too long.
  bool ok() const { return !failed_; }
  bool at_end() const { return position_ == bytes_.size(); }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  template <class T>
  T read() {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    T value{};
    if (sizeof(T) > remaining()) {
      fail();
      return value;
    }
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  /// LEB128, at most 10 bytes.
  u64 read_varint() {
    u64 value = 0;
    for (u32 shift = 0; shift < 70; shift += 7) {
      const u8 byte = read<u8>();
      if (shift == 63 && byte > 1) break;
      value |= u64{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    fail();
    return 0;
  }

  /// The next `size` bytes as a view into the same memory; empty when too few are left.
  Bytes read_bytes(std::size_t size) {
    if (size > remaining()) {
      fail();
      return {};
    }
    const Bytes taken = bytes_.subspan(position_, size);
    position_ += size;
    return taken;
  }

  void fail() {
    failed_ = true;
    position_ = bytes_.size();
  }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
  bool failed_ = false;
};

class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes bytes) : bytes_(bytes) {}

  bool ok() const { return !failed_; }
  std::size_t size() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  Bytes written() const { return bytes_.first(position_); }
  /// The rest of the space, for a writer that fills it itself and then calls advance().
  MutableBytes space() { return bytes_.subspan(position_); }

  void advance(std::size_t size) {
    if (size > remaining()) {
      failed_ = true;
      return;
    }
    position_ += size;
  }

  template <class T>
  void write(T value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    if (sizeof(T) > remaining()) {
      failed_ = true;
      return;
    }
    std::memcpy(bytes_.data() + position_, &value, sizeof(T));
    position_ += sizeof(T);
  }

  void write_varint(u64 value) {
    while (value >= 0x80) {
      write(static_cast<u8>(value | 0x80));
      value >>= 7;
    }
    write(static_cast<u8>(value));
  }

  void write_bytes(Bytes bytes) {
    if (bytes.size() > remaining()) {
      failed_ = true;
      return;
    }
    if (!bytes.empty()) std::memcpy(bytes_.data() + position_, bytes.data(), bytes.size());
    position_ += bytes.size();
  }

  /// Overwrites what was written at `position` (a length that was not known yet).
  template <class T>
  void patch(std::size_t position, T value) {
    static_assert(std::is_arithmetic_v<T>);
    if (position + sizeof(T) <= position_) std::memcpy(bytes_.data() + position, &value, sizeof(T));
  }

  /// Takes back what was written after `position`, and a failure with it.
  void rewind(std::size_t position) {
    position_ = position;
    failed_ = false;
  }

 private:
  MutableBytes bytes_;
  std::size_t position_ = 0;
  bool failed_ = false;
};

}  // namespace drumline
