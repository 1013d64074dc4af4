// WebSocket sessions for browsers: their limits, and what is counted.
// A binary message is a piece of the reliable stream; what the server sends as a
// datagram is one binary message that is dropped when the peer falls behind.
#pragma once

#include <string>
#include <vector>

#include "base/counter.hpp"
#include "base/types.hpp"

namespace drumline::transport {

struct WebSocketOptions {
  std::string path = "/play";
  std::vector<std::string> allowed_origins;  ///< see decide_upgrade()

  std::size_t max_header_bytes = 8 * 1024;
  std::size_t max_message_bytes = 64 * 1024;   ///< received; more closes with too_large
  std::size_t max_datagram_bytes = 16 * 1024;  ///< sent by send_datagram
  /// Datagrams that wait here, bytes; one more is dropped: freshness over completeness.
  std::size_t datagram_queue_bytes = 64 * 1024;
  /// Reliable bytes that wait here; more closes with too_slow.
  std::size_t reliable_queue_bytes = 256 * 1024;

  i64 handshake_timeout_ms = 5'000;
  i64 idle_timeout_ms = 30'000;  ///< pings go out after half of it
  i64 close_timeout_ms = 2'000;  ///< for the queue to drain and the peer to answer a close
};

/// Written by the transport's thread, readable by any.
struct WebSocketCounters {
  Counter opened;               ///< handshakes done
  Counter closed;               ///< sessions ended, for whatever reason
  Counter refused_request;      ///< handshakes with a wrong method, path, subprotocol or header
  Counter refused_origin;       ///< handshakes from a web page that is not allowed
  Counter refused_token;        ///< handshakes without a good token
  Counter handshake_timeouts;   ///< handshakes that took too long
  Counter messages_received;    ///< messages received
  Counter bytes_received;       ///< payload bytes received
  Counter messages_sent;        ///< messages handed to the kernel
  Counter bytes_sent;           ///< payload bytes handed to the kernel
  Counter datagrams_dropped;    ///< datagrams dropped because the peer was behind
  Counter datagrams_too_large;  ///< datagrams dropped because they were over the limit
  Counter closed_too_slow;      ///< sessions closed because the reliable queue was full
  Counter closed_too_large;     ///< sessions closed for a message over the limit
  Counter closed_bad_message;   ///< sessions closed for a text message or a broken frame
  Counter closed_idle;          ///< sessions closed because nothing was heard
  Gauge sessions;               ///< open now
  Gauge handshakes;             ///< half-open connections now
};

}  // namespace drumline::transport
