#include "transport/tcp/tcp_listener.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "transport/tcp/acceptor.hpp"
#include "transport/tcp/tcp_address.hpp"
#include "transport/tcp/tls_context.hpp"
#include "transport/tcp/tls_session.hpp"
#include "transport/websocket/websocket_server.hpp"

namespace drumline::transport {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

/// The first byte of a ClientHello's record (RFC 8446, section 5.1); no HTTP request begins so.
constexpr unsigned char kTlsHandshakeRecord = 0x16;
/// What a peer that we refused may still send before it is cut off.
constexpr std::size_t kMaxLingerBytes = 64 * 1024;

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 46\r\n\r\n"
    "The server has no room left; try again later.\n";
constexpr std::string_view kTlsOnly =
    "HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nUpgrade: TLS/1.3\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 52\r\n\r\n"
    "This port speaks TLS only; connect to it by wss://.\n";

class Arrival;

/// What arrivals share with the listener. Outlives both.
struct Door {
  TcpListenerOptions options;
  std::shared_ptr<TlsSessionHub> hub = std::make_shared<TlsSessionHub>();
  WebSocketServer* websocket = nullptr;  ///< null once the listener is gone
  std::unordered_map<Arrival*, std::shared_ptr<Arrival>> arrivals;
  std::deque<std::weak_ptr<Arrival>> waiting;  ///< for their TLS handshake to begin
  LogLimiter log_limiter{5};

  TlsCounters& counters() { return hub->counters; }

  void log_refusal(const env::Address& peer, std::string_view rule, std::string_view why) {
    const TimeNs now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                           std::chrono::steady_clock::now().time_since_epoch())
                           .count();
    if (const auto pass = log_limiter.allow(now)) {
      log_warning("tcp: {} refused ({}): {} ({} more not shown)", peer.to_string(), rule, why,
                  pass->suppressed);
    }
  }
};

/// A connection from its accept until it is a session, or nothing.
class Arrival : public std::enable_shared_from_this<Arrival> {
 public:
  Arrival(std::shared_ptr<Door> door, tcp::socket socket, const env::Address& peer)
      : door_(std::move(door)), stream_(std::move(socket)), peer_(peer), timer_(stream_.get_executor()) {}

  /// The door already holds this arrival.
  void start() {
    timer_.expires_after(std::chrono::milliseconds(door_->options.handshake_timeout_ms));
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (ec || self->over_) return;
      if (!self->refused_) {
        self->door_->counters().handshake_timeouts.add();
        self->door_->log_refusal(self->peer_, "timeout", "it said nothing, or too little, for too long");
      }
      self->drop();
    });
    wait(tcp::socket::wait_read, &Arrival::on_first_byte);
  }

  void handshake() {
    if (over_) return;
    switch (stream_.try_handshake()) {
      case TlsStream::Step::done:
        return on_secured();
      case TlsStream::Step::want_read:
        return wait(tcp::socket::wait_read, &Arrival::handshake);
      case TlsStream::Step::want_write:
        return wait(tcp::socket::wait_write, &Arrival::handshake);
      case TlsStream::Step::ended:
        count(HandshakeFailure::closed_by_peer, "it ended the connection during the TLS handshake");
        return drop();
      case TlsStream::Step::failed:
        if (hello_.no_protocol)
          count(HandshakeFailure::alpn, "no application protocol in common");
        else
          count(stream_.failure().failure, stream_.failure().text);
        // The alert is on its way: to close with bytes unread would reset the connection and lose it.
        return linger();
    }
  }

  void drop() {
    if (over_) return;
    leave();
    stream_.close();
  }

 private:
  void wait(tcp::socket::wait_type what, void (Arrival::*then)()) {
    stream_.socket().async_wait(what, [self = shared_from_this(), then](error_code ec) {
      if (!self->over_ && !ec) (self.get()->*then)();
    });
  }

  void on_first_byte() {
    unsigned char first = 0;
    const auto size = ::recv(stream_.socket().native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size <= 0) return drop();
    if (first == kTlsHandshakeRecord && door_->options.tls) {
      context_ = door_->options.tls();
      stream_.begin(context_->new_connection(hello_));
      if (!door_->options.defer_handshakes) return handshake();
      door_->waiting.push_back(weak_from_this());
      return;
    }
    if (door_->options.plain_websocket) {
      leave();
      return door_->websocket->take(std::move(stream_.socket()), peer_);
    }
    door_->counters().refused_plain.add();
    door_->log_refusal(peer_, "plain", "it did not begin with TLS, and listen.plain_websocket is off");
    error_code ignored;
    stream_.socket().non_blocking(true, ignored);
    stream_.socket().write_some(asio::buffer(kTlsOnly.data(), kTlsOnly.size()), ignored);
    linger();
  }

  void on_secured() {
    door_->counters().handshakes.add();
    if (SSL_session_reused(stream_.ssl()) == 1) door_->counters().resumed.add();
    leave();
    if (hello_.web) return door_->websocket->take(std::move(stream_), peer_);
    PeerIdentity identity = identity_of(stream_.ssl());
    const bool late = !certificate_in_time(stream_.ssl());
    // Here and not in the handshake: a ticket must not outlive the certificate that it came by.
    const bool revoked = context_->has_revoked(stream_.ssl());
    const auto session =
        std::make_shared<TlsSession>(TlsSession::Role::server, door_->hub, std::move(stream_), peer_);
    if (late) {
      count(HandshakeFailure::certificate_expired, "the certificate has expired since it was shown");
      return session->turn_away(CloseCode::unauthenticated, "the certificate has expired since it was shown");
    }
    if (revoked) {
      count(HandshakeFailure::certificate_revoked, "the certificate is revoked");
      return session->turn_away(CloseCode::unauthenticated, "the certificate is revoked");
    }
    if (!identity.authenticated && context_->requires_client_certificate()) {
      count(HandshakeFailure::certificate_unfit, "the certificate names nobody");
      return session->turn_away(CloseCode::unauthenticated, "the certificate names nobody");
    }
    session->let_in(std::move(identity));
  }

  void linger() {
    if (!std::exchange(refused_, true)) {
      error_code ignored;
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
    std::array<std::byte, 4096> rest;
    const auto size = ::recv(stream_.socket().native_handle(), rest.data(), rest.size(), MSG_DONTWAIT);
    if (size > 0) lingered_ += static_cast<std::size_t>(size);
    if (size == 0 || lingered_ > kMaxLingerBytes) return drop();
    if (size < 0 && errno != EAGAIN && errno != EINTR) return drop();
    wait(tcp::socket::wait_read, &Arrival::linger);
  }

  void count(HandshakeFailure failure, std::string_view why) {
    door_->log_refusal(peer_, handshake_failure_name(failure), why);
    door_->counters().handshakes_failed[static_cast<std::size_t>(failure)].add();
  }

  void leave() {
    over_ = true;
    timer_.cancel();
    // Whoever calls is one of our own methods, and goes on.
    asio::post(stream_.get_executor(), [keep = shared_from_this()] {});
    door_->arrivals.erase(this);
    door_->counters().arriving.set(static_cast<i64>(door_->arrivals.size()));
  }

  std::shared_ptr<Door> door_;
  TlsStream stream_;
  env::Address peer_;
  std::shared_ptr<const TlsServerContext> context_;
  TlsServerContext::Arrival hello_;
  asio::steady_timer timer_;
  std::size_t lingered_ = 0;
  bool refused_ = false;
  bool over_ = false;
};

}  // namespace

struct TcpListener::Impl {
  Impl(asio::io_context& io, TcpListenerOptions options, TokenVerifier verify, SessionHandler& handler)
      : acceptor(io), websocket(options.websocket, std::move(verify), handler) {
    TlsSessionLimits& limits = door->hub->limits;
    limits.max_datagram_bytes = std::min(options.max_datagram_bytes, kMaxRecordPayloadBytes);
    limits.queue = options.queue;
    limits.idle_timeout_ms = options.idle_timeout_ms;
    limits.close_timeout_ms = options.close_timeout_ms;
    door->hub->handler = &handler;
    door->websocket = &websocket;
    door->options = std::move(options);
  }

  void take(tcp::socket socket) {
    const TcpListenerOptions& options = door->options;
    door->counters().accepted.add();
    error_code ec;
    const tcp::endpoint remote = socket.remote_endpoint(ec);
    if (ec) return;  // gone already
    const std::size_t half_open = door->arrivals.size() + websocket.half_open();
    const std::size_t all = door->arrivals.size() + websocket.connections() + door->hub->sessions.size();
    if (all >= options.max_connections || half_open >= options.max_handshakes) {
      door->counters().refused_full.add();
      door->log_refusal(
          to_address(remote), "full",
          all >= options.max_connections ? "there are max_connections" : "there are max_handshakes");
      socket.non_blocking(true, ec);
      socket.write_some(asio::buffer(kFull.data(), kFull.size()), ec);
      return;
    }
    socket.set_option(tcp::no_delay(true), ec);
    socket.set_option(
        asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>(options.kernel_unsent_bytes),
        ec);
    if (!options.tls && options.plain_websocket) return websocket.take(std::move(socket), to_address(remote));
    const auto arrival = std::make_shared<Arrival>(door, std::move(socket), to_address(remote));
    door->arrivals.emplace(arrival.get(), arrival);
    door->counters().arriving.set(static_cast<i64>(door->arrivals.size()));
    arrival->start();
  }

  void drop_arrivals() {
    const auto all = door->arrivals;
    for (const auto& [pointer, arrival] : all) arrival->drop();
    door->waiting.clear();
  }

  /// A copy: ending one changes the table.
  std::vector<std::shared_ptr<TlsSession>> sessions() const {
    std::vector<std::shared_ptr<TlsSession>> all;
    for (const auto& [pointer, session] : door->hub->sessions) all.push_back(session);
    return all;
  }

  std::shared_ptr<Door> door = std::make_shared<Door>();
  Acceptor acceptor;
  WebSocketServer websocket;
};

TcpListener::TcpListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<TcpListener>> TcpListener::create(asio::io_context& io, TcpListenerOptions options,
                                                         TokenVerifier verify, SessionHandler& handler) {
  auto impl = std::make_unique<Impl>(io, std::move(options), std::move(verify), handler);
  const TcpListenerOptions& own = impl->door->options;
  if (auto bound = impl->acceptor.bind(own.address, own.port, own.sharing); !bound)
    return std::move(bound).error();
  impl->acceptor.start([raw = impl.get()](tcp::socket socket) { raw->take(std::move(socket)); },
                       impl->door->counters().accept_errors);
  return std::unique_ptr<TcpListener>(new TcpListener(std::move(impl)));
}

TcpListener::~TcpListener() {
  stop_accepting();
  impl_->drop_arrivals();
  for (const auto& session : impl_->sessions()) {
    session->abandon(CloseCode::server_stopping, "the server is stopping");
  }
  impl_->door->hub->handler = nullptr;
  impl_->door->websocket = nullptr;
}

env::Address TcpListener::local() const {
  return impl_->acceptor.local();
}

std::size_t TcpListener::sessions() const {
  return static_cast<std::size_t>(counters().sessions.value() + websocket_counters().sessions.value());
}

const TlsCounters& TcpListener::counters() const {
  return impl_->door->hub->counters;
}

const WebSocketCounters& TcpListener::websocket_counters() const {
  return impl_->websocket.counters();
}

std::size_t TcpListener::waiting() const {
  return impl_->door->waiting.size();
}

bool TcpListener::handshake_one() {
  auto& waiting = impl_->door->waiting;
  while (!waiting.empty()) {
    const auto arrival = waiting.front().lock();
    waiting.pop_front();
    if (!arrival) continue;  // gone meanwhile
    arrival->handshake();
    return true;
  }
  return false;
}

void TcpListener::stop_accepting() {
  impl_->acceptor.stop();
}

void TcpListener::close_all(CloseCode code, std::string_view reason) {
  impl_->drop_arrivals();
  for (const auto& session : impl_->sessions()) session->close(code, reason);
  impl_->websocket.close_all(code, reason);
}

}  // namespace drumline::transport
