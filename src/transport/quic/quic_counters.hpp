// What QUIC endpoints count, for metrics.
#pragma once

#include <array>

#include "base/types.hpp"
#include "transport/session.hpp"

namespace drumline::transport {

/// Why a handshake came to nothing.
enum class HandshakeFailure : u8 {
  none,
  certificate_missing,
  certificate_untrusted,  ///< not signed by our authority
  certificate_expired,    ///< or not valid yet
  certificate_revoked,    ///< its authority has taken it back
  certificate_unfit,      ///< wrong purpose, wrong name, unreadable
  alpn,                   ///< no application protocol in common
  tls,                    ///< any other TLS alert
  protocol,               ///< QUIC was spoken wrongly
  timeout,
  closed_by_peer,
  closed_here,
};
inline constexpr std::size_t kHandshakeFailures = 12;
const char* handshake_failure_name(HandshakeFailure failure);

/// Why a received packet was dropped before it reached a connection.
enum class PacketDrop : u8 {
  malformed,           ///< not a QUIC header
  not_initial,         ///< an unknown connection, and not an acceptable first packet
  unknown_connection,  ///< an unknown connection, short header
  half_open_limit,
  bad_token,
  reply_limit,    ///< a reset, Retry or version reply was due but over the rate
  closed,         ///< belongs to a connection that is closing
  waiting_limit,  ///< of a handshake, and too many of those wait already
};
inline constexpr std::size_t kPacketDrops = 8;
const char* packet_drop_name(PacketDrop drop);

inline constexpr std::size_t kCloseCodes = 17;

/// Of the connections that speak HTTP/3.
struct WebTransportCounters {
  u64 sessions = 0;  ///< open now
  u64 opened = 0;
  u64 refused_token = 0;
  u64 refused_origin = 0;
  u64 refused_request = 0;  ///< anything else that is wrong with a request
  u64 protocol_errors = 0;  ///< connections ended as HTTP/3 was spoken wrongly
  u64 streams_refused = 0;
  u64 stray_datagrams = 0;  ///< of sessions that are not there
};

struct QuicCounters {
  u64 handshakes_started = 0;
  u64 handshakes_completed = 0;
  u64 handshakes_resumed = 0;  ///< of those, made short by a ticket
  u64 early_data = 0;          ///< of those, begun by the client with its first packets
  std::array<u64, kHandshakeFailures> handshakes_failed{};  ///< by HandshakeFailure
  std::array<u64, kPacketDrops> packets_dropped{};          ///< by PacketDrop
  std::array<u64, kCloseCodes> closed{};                    ///< open sessions that ended, by CloseCode
  u64 connections_refused = 0;                              ///< at max_connections
  u64 retries_sent = 0;
  u64 version_negotiations_sent = 0;
  u64 resets_sent = 0;
  u64 amplification_limited = 0;  ///< writes held back until the client's address is proven
  u64 packets_received = 0;
  u64 packets_sent = 0;
  u64 bytes_received = 0;
  u64 bytes_sent = 0;
  u64 datagrams_received = 0;
  u64 datagrams_sent = 0;
  u64 datagrams_lost = 0;                ///< on their way, as far as acknowledgements tell
  u64 paths_narrowed = 0;                ///< that no longer carried what probes had found
  u64 datagrams_dropped_congestion = 0;  ///< the connection's budget was spent
  u64 datagrams_dropped_size = 0;        ///< too large, or the peer takes none
  u64 reliable_bytes_received = 0;
  u64 reliable_bytes_acknowledged = 0;
  WebTransportCounters webtransport;

  u64 failed(HandshakeFailure failure) const { return handshakes_failed[static_cast<std::size_t>(failure)]; }
  u64 dropped(PacketDrop drop) const { return packets_dropped[static_cast<std::size_t>(drop)]; }
  u64 closed_with(CloseCode code) const { return closed[static_cast<std::size_t>(code)]; }
};

}  // namespace drumline::transport
