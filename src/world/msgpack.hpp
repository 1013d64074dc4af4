// The part of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md)
// that snapshots use: nil, unsigned integers, text, binary, arrays and maps.
// Debian's msgpack library cannot be installed beside the Boost that we build
// with, and a reader that copies nothing is all we need. The reader takes any
// valid encoding of a value; the writer chooses the shortest.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace drumline::world {

/// Appends to a vector that somebody else owns.
class MsgpackWriter {
 public:
  explicit MsgpackWriter(std::vector<std::byte>& out) : out_(out) {}

  void nil() { byte(0xC0); }
  void unsigned_integer(u64 value);
  void text(std::string_view text);
  void binary(Bytes bytes);
  void array(u32 count);
  void map(u32 count);

 private:
  void byte(u8 value) { out_.push_back(static_cast<std::byte>(value)); }
  void big_endian(u64 value, int size);
  void append(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

  std::vector<std::byte>& out_;
};

/// Reads hostile bytes: never allocates, throws or recurses. A value of another
/// type than the one asked for, or one that the bytes do not hold whole, leaves
/// the reader failed; from then on every read gives nothing.
class MsgpackReader {
 public:
  explicit MsgpackReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return !failed_; }
  bool at_end() const { return position_ == bytes_.size(); }
  std::size_t position() const { return position_; }

  /// Takes a nil, if one is next.
  bool take_nil();
  u64 unsigned_integer();
  std::string_view text();
  /// A view into the bytes read from.
  Bytes binary();
  u32 array();
  u32 map();

 private:
  u8 byte();
  u64 big_endian(int size);
  Bytes take(u64 size);
  void fail() {
    failed_ = true;
    position_ = bytes_.size();
  }

  Bytes bytes_;
  std::size_t position_ = 0;
  bool failed_ = false;
};

}  // namespace drumline::world
