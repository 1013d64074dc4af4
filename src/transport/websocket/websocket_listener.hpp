// WebSocket sessions for browsers: one listener on one shard's io_context.
// A binary message is a piece of the reliable stream; what the server sends as a
// datagram is one binary message that is dropped when the peer falls behind.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.hpp"
#include "base/result.hpp"
#include "env/network.hpp"
#include "transport/session.hpp"
#include "transport/websocket/handshake.hpp"

namespace boost::asio {
class io_context;
}

namespace drumline::transport {

struct WebSocketOptions {
  std::string address = "127.0.0.1";  ///< numeric IPv4 or IPv6
  u16 port = 0;                       ///< 0 takes a free one
  bool reuse_port = false;            ///< several shards share the port
  std::string path = "/play";
  std::vector<std::string> allowed_origins;  ///< see decide_upgrade()

  u32 max_connections = 4096;  ///< half-open ones included; one more gets HTTP 503
  u32 max_handshakes = 128;    ///< half-open connections at a time; one more gets HTTP 503
  std::size_t max_header_bytes = 8 * 1024;
  std::size_t max_message_bytes = 64 * 1024;   ///< received; more closes with too_large
  std::size_t max_datagram_bytes = 16 * 1024;  ///< sent by send_datagram
  /// Datagrams that wait here, bytes; one more is dropped: freshness over completeness.
  std::size_t datagram_queue_bytes = 64 * 1024;
  /// Reliable bytes that wait here; more closes with too_slow.
  std::size_t reliable_queue_bytes = 256 * 1024;
  /// What the kernel may hold unsent, bytes: beyond it the queues above fill, and
  /// what is stale is dropped here instead of being delivered late.
  int kernel_unsent_bytes = 32 * 1024;

  i64 handshake_timeout_ms = 5'000;
  i64 idle_timeout_ms = 30'000;  ///< pings go out after half of it
  i64 close_timeout_ms = 2'000;  ///< for the queue to drain and the peer to answer a close
};

/// Written by the listener's thread, readable by any.
struct WebSocketCounters {
  Counter accepted;             ///< TCP connections taken
  Counter opened;               ///< handshakes done
  Counter closed;               ///< sessions ended, for whatever reason
  Counter refused_full;         ///< connections over the connection or handshake limit
  Counter refused_request;      ///< handshakes with a wrong method, path, subprotocol or header
  Counter refused_origin;       ///< handshakes from a web page that is not allowed
  Counter refused_token;        ///< handshakes without a good token
  Counter handshake_timeouts;   ///< handshakes that took too long
  Counter accept_errors;        ///< accepts that failed, as out of descriptors
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

/// All methods on the thread that runs `io`, or while nobody runs it.
class WebSocketListener {
 public:
  /// Binds and starts to accept. `handler` outlives the listener. A port in use is
  /// ErrorCode::unavailable and says what to do.
  static Result<std::unique_ptr<WebSocketListener>> create(boost::asio::io_context& io,
                                                           WebSocketOptions options, TokenVerifier verify,
                                                           SessionHandler& handler);

  /// Ends every session at once (on_close with server_stopping is called from here).
  ~WebSocketListener();
  WebSocketListener(const WebSocketListener&) = delete;
  WebSocketListener& operator=(const WebSocketListener&) = delete;

  env::Address local() const;
  std::size_t sessions() const;
  const WebSocketCounters& counters() const;

  /// Frees the port; sessions go on.
  void stop_accepting();
  /// Session::close on every session, and an end to every handshake.
  void close_all(CloseCode code, std::string_view reason);

 private:
  struct Impl;
  explicit WebSocketListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::transport
