// WebSocket sessions on sockets that somebody else has accepted.
#pragma once

#include <memory>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "env/network.hpp"
#include "transport/session.hpp"
#include "transport/tcp/tls_stream.hpp"
#include "transport/websocket/handshake.hpp"
#include "transport/websocket/websocket_options.hpp"

namespace drumline::transport {

/// All methods on the thread that runs the sockets' io_context, or while nobody runs it.
class WebSocketServer {
 public:
  /// `handler` outlives the server.
  WebSocketServer(WebSocketOptions options, TokenVerifier verify, SessionHandler& handler);
  /// Ends every session at once (on_close with server_stopping is called from here).
  ~WebSocketServer();
  WebSocketServer(const WebSocketServer&) = delete;
  WebSocketServer& operator=(const WebSocketServer&) = delete;

  /// Reads the upgrade request, and goes on from there.
  void take(boost::asio::ip::tcp::socket socket, const env::Address& peer);
  /// The same over TLS, whose handshake is done.
  void take(TlsStream stream, const env::Address& peer);

  std::size_t connections() const;  ///< half-open ones included
  std::size_t half_open() const;
  const WebSocketCounters& counters() const;

  /// Session::close on every session, and an end to every handshake.
  void close_all(CloseCode code, std::string_view reason);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::transport
