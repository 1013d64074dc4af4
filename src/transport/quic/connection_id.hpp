// Connection ids. Ours are always 8 bytes: the shard's number, then 7 random
// bytes, so that whoever steers packets (a kernel program, a relay) finds the
// shard in the first byte of the destination id and nothing else.
#pragma once

#include <array>
#include <compare>
#include <cstring>

#include <ngtcp2/ngtcp2.h>

#include "base/types.hpp"
#include "env/random.hpp"

namespace drumline::transport {

inline constexpr std::size_t kConnectionIdBytes = 8;

/// One of our own ids, as a number.
using LocalId = u64;

inline LocalId local_id(const u8* bytes) {
  LocalId id = 0;
  std::memcpy(&id, bytes, kConnectionIdBytes);
  return id;
}

inline void make_connection_id(ngtcp2_cid& id, u8 shard, env::Random& random) {
  std::array<u8, kConnectionIdBytes> bytes;
  random.fill(std::as_writable_bytes(std::span(bytes)));
  bytes[0] = shard;
  ngtcp2_cid_init(&id, bytes.data(), bytes.size());
}

/// The id that a client invented for its first packets: 8 to 20 bytes.
struct InitialId {
  std::array<u8, NGTCP2_MAX_CIDLEN> bytes{};
  u8 size = 0;

  InitialId() = default;
  InitialId(const u8* data, std::size_t length) : size(static_cast<u8>(length)) {
    std::memcpy(bytes.data(), data, length);
  }
  friend auto operator<=>(const InitialId&, const InitialId&) = default;
};

}  // namespace drumline::transport
