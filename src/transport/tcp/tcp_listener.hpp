// The TCP half of a gateway's port: one listener on one shard's io_context for all
// that clients speak over TCP. Whoever begins with a TLS ClientHello gets TLS, and
// there, by the application protocol that he offers (ALPN), a native session or a
// WebSocket; everybody else is taken for a WebSocket in the clear.
// docs/formats/tcp.md and docs/formats/websocket.md are the formats.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "env/network.hpp"
#include "transport/session.hpp"
#include "transport/tcp/send_queue.hpp"
#include "transport/tcp/tls_counters.hpp"
#include "transport/websocket/handshake.hpp"
#include "transport/websocket/websocket_options.hpp"

namespace boost::asio {
class io_context;
}

namespace drumline::transport {

class TlsServerContext;

struct TcpListenerOptions {
  std::string address = "127.0.0.1";  ///< numeric IPv4 or IPv6
  u16 port = 0;                       ///< 0 takes a free one
  env::PortSharing sharing = env::PortSharing::none;

  u32 max_connections = 4096;  ///< those that are no session yet included; one more gets HTTP 503
  u32 max_handshakes = 128;    ///< connections that are no session yet; one more gets HTTP 503
  /// What the kernel may hold unsent of a connection, bytes: beyond it the queues here fill,
  /// and what is stale is dropped here instead of being delivered late.
  int kernel_unsent_bytes = 32 * 1024;

  /// Asked at each connection, so that certificates can change meanwhile; empty: TLS is not spoken.
  std::function<std::shared_ptr<const TlsServerContext>()> tls;
  /// TLS handshakes begin by handshake_one() only, so that the thread decides how much of its time they get.
  bool defer_handshakes = false;
  bool plain_websocket = true;       ///< false: a WebSocket is served over TLS only
  i64 handshake_timeout_ms = 5'000;  ///< from the accept to the end of the TLS handshake

  // Of native sessions; what WebSocket sessions have is in `websocket`.
  std::size_t max_datagram_bytes = 16'000;  ///< sent by send_datagram
  SendQueue::Limits queue;                  ///< beyond the reliable bytes: too_slow
  i64 idle_timeout_ms = 30'000;             ///< a ping goes out after half of it
  i64 close_timeout_ms = 2'000;             ///< for the queue to drain and the peer to end too

  WebSocketOptions websocket;
};

/// All methods on the thread that runs `io`, or while nobody runs it.
class TcpListener {
 public:
  /// Binds and starts to accept. `verify` is for WebSockets' tokens. `handler` outlives the
  /// listener. A port in use is ErrorCode::unavailable and says what to do.
  static Result<std::unique_ptr<TcpListener>> create(boost::asio::io_context& io, TcpListenerOptions options,
                                                     TokenVerifier verify, SessionHandler& handler);

  /// Ends every session at once (on_close with server_stopping is called from here).
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  env::Address local() const;
  /// Of both kinds, open now.
  std::size_t sessions() const;
  const TlsCounters& counters() const;
  const WebSocketCounters& websocket_counters() const;

  /// TLS handshakes that wait to begin, with defer_handshakes.
  std::size_t waiting() const;
  /// Begins the one that has waited longest; false: none waits. It costs the server about
  /// as much as a signature.
  bool handshake_one();

  /// Frees the port; sessions go on.
  void stop_accepting();
  /// Session::close on every session, and an end to every handshake.
  void close_all(CloseCode code, std::string_view reason);

 private:
  struct Impl;
  explicit TcpListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::transport
