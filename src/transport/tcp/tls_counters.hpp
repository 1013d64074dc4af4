// What TCP listeners and sessions over TLS count, for metrics.
#pragma once

#include <array>

#include "base/counter.hpp"
#include "transport/quic/quic_counters.hpp"

namespace drumline::transport {

/// Written by the transport's thread, readable by any.
struct TlsCounters {
  Counter accepted;            ///< TCP connections taken, whatever they speak
  Counter accept_errors;       ///< accepts that failed, as out of descriptors
  Counter refused_full;        ///< connections over the connection or handshake limit
  Counter refused_plain;       ///< connections without TLS where that is not served
  Counter handshake_timeouts;  ///< connections that said nothing, or too little, for too long
  std::array<Counter, kHandshakeFailures> handshakes_failed;  ///< of TLS, by HandshakeFailure
  Counter handshakes;                                         ///< of TLS, done
  Counter resumed;                                            ///< those of them that a ticket made short
  Counter opened;                                             ///< native sessions
  Counter closed;  ///< native sessions that ended, for whatever reason
  Counter records_received;
  Counter bytes_received;  ///< in records, headers included
  Counter records_sent;
  Counter bytes_sent;
  Counter datagrams_dropped;    ///< dropped because the peer was behind
  Counter datagrams_too_large;  ///< dropped because they were over the limit
  Counter closed_too_slow;      ///< sessions closed because the reliable queue was full
  Counter closed_bad_record;    ///< sessions closed for a record that is over the limit or makes no sense
  Counter closed_idle;          ///< sessions closed because nothing was heard
  Gauge sessions;               ///< native ones, open now
  Gauge arriving;               ///< connections that are no session yet

  u64 failed(HandshakeFailure failure) const {
    return handshakes_failed[static_cast<std::size_t>(failure)].value();
  }
};

}  // namespace drumline::transport
