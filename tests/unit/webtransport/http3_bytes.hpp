// What a client of HTTP/3 writes, spelled here by hand from the RFCs and not by
// the code under test.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace drumline::test {

using Octets = std::vector<std::byte>;

inline Octets operator+(Octets a, const Octets& b) {
  for (const std::byte octet : b) a.push_back(octet);
  return a;
}
inline Octets octets(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}
inline Octets octets(std::initializer_list<unsigned> values) {
  Octets out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}
/// RFC 9000, section 16, always of 8 bytes unless it fits into one.
inline Octets varint(u64 value) {
  if (value < 64) return octets({static_cast<unsigned>(value)});
  Octets out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(value >> shift & 0xFFU));
  out.front() |= std::byte{0xC0};
  return out;
}
/// A frame or a capsule.
inline Octets record(u64 type, const Octets& value) {
  return varint(type) + varint(value.size()) + value;
}
/// RFC 9204, section 4.1.1.
inline Octets prefixed(unsigned first, unsigned prefix_bits, std::size_t value) {
  const std::size_t most = (1U << prefix_bits) - 1;
  if (value < most) return octets({first | static_cast<unsigned>(value)});
  Octets out = octets({first | static_cast<unsigned>(most)});
  for (value -= most; value >= 128; value /= 128)
    out = out + octets({static_cast<unsigned>(value % 128 + 128)});
  return out + octets({static_cast<unsigned>(value)});
}
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;
/// Literal names and values without Huffman (RFC 9204, section 4.5.6).
inline Octets field_section(const Fields& fields) {
  Octets out = octets({0, 0});
  for (const auto& [name, value] : fields) {
    out = out + prefixed(0x20, 3, name.size()) + octets(name) + prefixed(0, 7, value.size()) + octets(value);
  }
  return out;
}
inline Fields connect_fields(std::string_view path = "/play?token=good") {
  return {{":method", "CONNECT"}, {":protocol", "webtransport"},
          {":scheme", "https"},   {":authority", "127.0.0.1:443"},
          {":path", path},        {"origin", "http://localhost:8000"}};
}
inline Octets headers(const Fields& fields) {
  return record(0x01, field_section(fields));
}
inline Octets settings(const std::vector<std::pair<u64, u64>>& values) {
  Octets payload;
  for (const auto& [id, value] : values) payload = payload + varint(id) + varint(value);
  return record(0x04, payload);
}
/// What Chromium says.
inline Octets control_stream() {
  return varint(0x00) + settings({{0x01, 0}, {0x07, 0}, {0x33, 1}, {0x2B603742, 1}, {0x1F * 7 + 0x21, 99}});
}
inline Octets close_capsule(u32 code, std::string_view reason) {
  Octets value;
  for (int shift = 24; shift >= 0; shift -= 8) value.push_back(static_cast<std::byte>(code >> shift & 0xFFU));
  return record(0x2843, value + octets(reason));
}

}  // namespace drumline::test
