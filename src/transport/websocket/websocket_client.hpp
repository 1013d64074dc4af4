// WebSocket sessions from the client's side, with the meaning that QUIC clients'
// sessions have. Every binary message out is a piece of the reliable stream; of
// those in, a message that begins with 0x01 (a state frame) is a datagram.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "env/network.hpp"
#include "transport/session.hpp"

namespace boost::asio {
class io_context;
}

namespace drumline::transport {

class TlsClientContext;

struct WebSocketClientOptions {
  std::shared_ptr<const TlsClientContext> tls{};  ///< null: in the clear
  std::string server_name = "localhost";          ///< over TLS: what the server's certificate must hold
  std::size_t max_message_bytes = 1024 * 1024;    ///< received; more closes with too_large
  std::size_t max_datagram_bytes = 16 * 1024;     ///< sent by send_datagram
  /// Datagrams that wait here, bytes; one more is dropped.
  std::size_t datagram_queue_bytes = 64 * 1024;
  /// Reliable bytes that wait here; more closes with too_slow.
  std::size_t reliable_queue_bytes = 256 * 1024;
  i64 handshake_timeout_ms = 5'000;  ///< for the connection, TLS included, and again for the upgrade
  i64 idle_timeout_ms = 30'000;      ///< pings go out after half of it
  i64 close_timeout_ms = 2'000;      ///< for the queue to drain and the server to answer a close
};

/// Any number of clients. All methods on the thread that runs `io`, or while
/// nobody runs it; the handler is called by handlers of `io` only.
class WebSocketClients {
 public:
  /// `io` and `handler` outlive the clients.
  WebSocketClients(boost::asio::io_context& io, const WebSocketClientOptions& options,
                   SessionHandler& handler);
  /// Ends every connection at once and without a word: no on_close.
  ~WebSocketClients();
  WebSocketClients(const WebSocketClients&) = delete;
  WebSocketClients& operator=(const WebSocketClients&) = delete;

  struct Target {
    env::Address server;
    std::string path = "/play";
    std::string token;  ///< may be empty
    u64 context = 0;    ///< the session's, set from the start
  };
  /// Starts a connection. on_open or on_close follows, never from inside this call;
  /// the session lives until on_close. A refusal's reason there holds the HTTP
  /// status and the server's sentence; its code is unauthenticated for 401 and 403,
  /// flood for 429 and 503, version for what no repetition mends. An Error is
  /// invalid_argument: a path that no request can carry.
  Result<Session*> connect(const Target& target);

  /// Sessions that are open, opening or still closing.
  std::size_t connections() const;
  /// Those of them that are opening.
  std::size_t half_open() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::transport
