#include "transport/webtransport/record_reader.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace drumline::transport {

namespace {

std::size_t size_of_varint(std::byte first) {
  return std::size_t{1} << (static_cast<u8>(first) >> 6U);
}

}  // namespace

std::optional<u64> take_varint(Bytes& bytes) {
  if (bytes.empty()) return std::nullopt;
  const std::size_t size = size_of_varint(bytes.front());
  if (bytes.size() < size) return std::nullopt;
  u64 value = static_cast<u8>(bytes.front()) & 0x3FU;
  for (std::size_t i = 1; i < size; ++i) value = value << 8U | static_cast<u8>(bytes[i]);
  bytes = bytes.subspan(size);
  return value;
}

void append_varint(std::vector<std::byte>& out, u64 value) {
  DRUM_ASSERT(value <= kMaxVarint);
  const unsigned log_size = value < 64 ? 0 : value < 16'384 ? 1 : value < (u64{1} << 30U) ? 2 : 3;
  const unsigned size = 1U << log_size;
  for (unsigned i = 0; i < size; ++i) {
    u64 octet = value >> (8 * (size - 1 - i)) & 0xFFU;
    if (i == 0) octet |= u64{log_size} << 6U;
    out.push_back(static_cast<std::byte>(octet));
  }
}

std::optional<u64> VarintReader::feed(Bytes& bytes) {
  if (size_ == 0) {
    if (const auto whole = take_varint(bytes)) return whole;
  }
  while (!bytes.empty()) {
    held_[size_++] = bytes.front();
    bytes = bytes.subspan(1);
    if (size_ < size_of_varint(held_.front())) continue;
    Bytes held(held_.data(), size_);
    size_ = 0;
    return take_varint(held);
  }
  return std::nullopt;
}

std::optional<Http3RecordReader::Piece> Http3RecordReader::next(Bytes& bytes) {
  if (state_ == State::type) {
    const auto type = varint_.feed(bytes);
    if (!type) return std::nullopt;
    type_ = *type;
    state_ = State::length;
  }
  if (state_ == State::length) {
    const auto length = varint_.feed(bytes);
    if (!length) return std::nullopt;
    length_ = left_ = *length;
    state_ = State::value;
    fresh_ = true;
  }
  if (left_ > 0 && bytes.empty() && !fresh_) return std::nullopt;
  const std::size_t size = static_cast<std::size_t>(std::min<u64>(left_, bytes.size()));
  const Piece piece{type_, length_, bytes.first(size), fresh_, size == left_};
  bytes = bytes.subspan(size);
  left_ -= size;
  fresh_ = false;
  if (piece.ends) state_ = State::type;
  return piece;
}

}  // namespace drumline::transport
