// Native sessions over TLS/TCP from the client's side, with the meaning that QUIC
// clients' sessions have: where UDP does not get through.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "env/network.hpp"
#include "transport/session.hpp"
#include "transport/tcp/send_queue.hpp"

namespace boost::asio {
class io_context;
}

namespace drumline::transport {

class TlsClientContext;
struct TlsCounters;

struct TcpClientOptions {
  std::shared_ptr<const TlsClientContext> tls;
  std::string server_name = "localhost";    ///< a name or IP address that the server's certificate must hold
  std::size_t max_datagram_bytes = 16'000;  ///< sent by send_datagram
  SendQueue::Limits queue;                  ///< beyond the reliable bytes: too_slow
  i64 handshake_timeout_ms = 5'000;         ///< until the server says that the session is open
  i64 idle_timeout_ms = 30'000;             ///< a ping goes out after half of it
  i64 close_timeout_ms = 2'000;             ///< for the queue to drain and the server to end too
};

/// Any number of clients. They share one session ticket, the newest that a server
/// gave: whoever comes next has a short handshake. All methods on the thread that runs
/// `io`, or while nobody runs it; the handler is called by handlers of `io` only.
class TcpClients {
 public:
  /// `io` and `handler` outlive the clients.
  TcpClients(boost::asio::io_context& io, const TcpClientOptions& options, SessionHandler& handler);
  /// Ends every connection at once and without a word: no on_close.
  ~TcpClients();
  TcpClients(const TcpClients&) = delete;
  TcpClients& operator=(const TcpClients&) = delete;

  /// Starts a connection. on_open or on_close follows, never from inside this call; the
  /// session lives until on_close, has `context` from the start, and says in on_close
  /// what stood in the way: unauthenticated and version are for good.
  Session* connect(const env::Address& server, u64 context);

  /// Sessions that are open, opening or still closing.
  std::size_t connections() const;
  /// Those of them that are opening.
  std::size_t half_open() const;
  const TlsCounters& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::transport
