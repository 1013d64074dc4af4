// Variable-length integers (RFC 9000, section 16), and records of (type, length,
// value) in a byte stream: HTTP/3 frames (RFC 9114, section 7.1) and capsules
// (RFC 9297, section 3.2) are both.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/types.hpp"

namespace drumline::transport {

inline constexpr u64 kMaxVarint = (u64{1} << 62) - 1;

/// Takes a varint off the front of `bytes`; nullopt, and nothing taken, when it is not whole.
std::optional<u64> take_varint(Bytes& bytes);
/// Appends `value`, at most kMaxVarint, in its shortest form.
void append_varint(std::vector<std::byte>& out, u64 value);

/// A varint that comes in pieces.
class VarintReader {
 public:
  /// Takes from the front of `bytes` up to the varint's end; nullopt: it goes on.
  std::optional<u64> feed(Bytes& bytes);
  bool is_empty() const { return size_ == 0; }

 private:
  std::array<std::byte, 8> held_{};
  u8 size_ = 0;
};

/// Splits a stream into records. Holds nothing of their values: they are handed on
/// in the pieces in which they come, so that a record's length costs no memory.
class Http3RecordReader {
 public:
  struct Piece {
    u64 type;
    u64 length;  ///< of the whole value
    Bytes value;
    bool begins;
    bool ends;
  };
  /// The next piece, whose bytes are then taken off `bytes`; nullopt: all is taken.
  std::optional<Piece> next(Bytes& bytes);
  /// Nothing of a record has come that has not ended.
  bool is_between() const { return state_ == State::type && varint_.is_empty(); }

 private:
  enum class State : u8 { type, length, value };

  VarintReader varint_;
  State state_ = State::type;
  bool fresh_ = false;
  u64 type_ = 0;
  u64 length_ = 0;
  u64 left_ = 0;
};

}  // namespace drumline::transport
