// What both ends of QUIC agree on, and the limits of one connection.
#pragma once

#include <string>

#include "base/types.hpp"

namespace drumline::transport {

/// PEM files. The authority proves the peer; certificate and key prove us.
struct TlsFiles {
  std::string authority;    ///< empty: no peer can prove itself
  std::string certificate;  ///< empty: we present none (clients only)
  std::string key;
  /// Certificates that the authority has taken back (a CRL); empty: none.
  std::string revoked{};
};

enum class Congestion : u8 { cubic, bbr };

struct QuicSettings {
  std::string alpn = "drumline/1";
  i64 idle_timeout_ns = 30 * kSecondNs;
  i64 keep_alive_ns = 15 * kSecondNs;  ///< a PING after this much silence; 0: none
  i64 handshake_timeout_ns = 10 * kSecondNs;
  /// Taken for the round trip until one is measured; what is lost at first is sent
  /// again after three times that (RFC 9002, section 6.2.2 wants 333 ms).
  i64 initial_rtt_ns = 333 * kMillisecondNs;
  /// How long a close waits for the reliable stream to be acknowledged.
  i64 linger_ns = kSecondNs;
  /// UDP payload of the packets that we build at first. Every QUIC path carries 1,200: datagrams are kept
  /// to it, so that none is lost to a smaller path that a client has moved to.
  std::size_t packet_bytes = 1200;
  /// What the path carries beyond that is found out by probes of up to so many bytes (RFC 8899), and then
  /// used by the reliable stream: Ethernet's 1,500 less IPv6's and UDP's headers. No more than
  /// packet_bytes: nothing is probed.
  std::size_t largest_packet_bytes = 1452;
  std::size_t reliable_send_bytes = 256 << 10;    ///< unacknowledged bytes at most; then too_slow
  std::size_t reliable_receive_bytes = 64 << 10;  ///< the peer's window on the reliable stream
  /// Unidirectional streams that the peer may open in all; what comes on them is passed over.
  u64 unidirectional_streams = 0;
  /// So much received must be acknowledged: seven packets of the ten that a peer's first
  /// congestion window holds, so that it does not wait for us.
  std::size_t acknowledge_bytes = 7 * 1200;
  u32 acknowledge_every = 16;  ///< or so many packets
  /// Datagrams alone are acknowledged at most this often; what the reliable stream
  /// needs is never held. Most acknowledgements then ride on datagrams of our own: 20
  /// state frames a second are 48 ms apart.
  i64 acknowledge_hold_ns = 55 * kMillisecondNs;
  /// What the peer is promised: the hold, and an eighth of a round trip that ngtcp2 adds.
  i64 max_ack_delay_ns = 75 * kMillisecondNs;
  /// CUBIC refuses nothing on a clean path; BBR bears loss on a long one better, but
  /// refuses some frames every few seconds when it probes the round trip.
  Congestion congestion = Congestion::cubic;
};

}  // namespace drumline::transport
