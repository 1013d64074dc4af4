#include "transport/tcp/tcp_client.hpp"

#include <algorithm>

#include <boost/asio/io_context.hpp>

#include "transport/tcp/tcp_address.hpp"
#include "transport/tcp/tls_context.hpp"
#include "transport/tcp/tls_session.hpp"

namespace drumline::transport {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

struct Hub : TlsSessionHub {
  TcpClientOptions options;
  SslSessionPtr ticket;
  std::size_t half_open = 0;
};

class ClientSession final : public TlsSession {
 public:
  ClientSession(const std::shared_ptr<Hub>& hub, asio::io_context& io, const env::Address& server)
      : TlsSession(Role::client, hub, TlsStream(tcp::socket(io)), server), clients_(hub) {}

  void start() {
    hold();
    ++clients_->half_open;
    timer().expires_after(std::chrono::milliseconds(clients_->options.handshake_timeout_ms));
    timer().async_wait([self = mine()](error_code ec) {
      if (!ec) self->end_with(CloseCode::idle, self->waits_for_ + " in time");
    });
    stream().socket().async_connect(to_endpoint(peer()),
                                    [self = mine()](error_code ec) { self->on_connected(ec); });
  }

 private:
  std::shared_ptr<ClientSession> mine() {
    return std::static_pointer_cast<ClientSession>(shared_from_this());
  }

  void on_connected(error_code ec) {
    if (state() != State::opening) return;
    if (ec)
      return end_with(CloseCode::idle, "no TCP connection to " + peer().to_string() + ": " + ec.message());
    error_code ignored;
    stream().socket().set_option(tcp::no_delay(true), ignored);
    SslPtr ssl = clients_->options.tls->new_connection(
        clients_->options.server_name, kNativeProtocol,
        [](void* owner, SslSessionPtr ticket) { static_cast<Hub*>(owner)->ticket = std::move(ticket); },
        clients_.get());
    if (clients_->ticket) SSL_set_session(ssl.get(), clients_->ticket.get());
    stream().begin(std::move(ssl));
    waits_for_ = "the server did not finish the TLS handshake";
    handshake();
  }

  void handshake() {
    if (state() != State::opening) return;
    switch (stream().try_handshake()) {
      case TlsStream::Step::done:
        return on_secured();
      case TlsStream::Step::want_read:
        return wait(tcp::socket::wait_read);
      case TlsStream::Step::want_write:
        return wait(tcp::socket::wait_write);
      case TlsStream::Step::ended:
        return end_with(CloseCode::idle, "the server ended the connection during the TLS handshake");
      case TlsStream::Step::failed:
        const TlsFailure& why = stream().failure();
        // A server without room answers in HTTP, whatever the client speaks.
        if (why.failure == HandshakeFailure::protocol) {
          return end_with(
              CloseCode::flood,
              "the server answered without TLS: it has no room, or does not speak TLS at this port");
        }
        return end_with(why.code, why.text);
    }
  }

  void wait(tcp::socket::wait_type what) {
    stream().socket().async_wait(what, [self = mine()](error_code ec) {
      if (!ec) self->handshake();
    });
  }

  void on_secured() {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(stream().ssl(), &chosen, &size);
    if (std::string_view(reinterpret_cast<const char*>(chosen), size) != kNativeProtocol) {
      return end_with(CloseCode::version,
                      "the server does not speak the protocol " + std::string(kNativeProtocol));
    }
    clients_->counters.handshakes.add();
    if (SSL_session_reused(stream().ssl()) == 1) clients_->counters.resumed.add();
    waits_for_ = "the server did not open the session";
    // With TLS 1.3 our end is done before the server has looked at our certificate.
    await_open();
  }

  void on_opening_over() override { --clients_->half_open; }

  std::shared_ptr<Hub> clients_;
  std::string waits_for_ = "no TCP connection to " + peer().to_string();
};

}  // namespace

struct TcpClients::Impl {
  asio::io_context& io;
  std::shared_ptr<Hub> hub;
};

TcpClients::TcpClients(asio::io_context& io, const TcpClientOptions& options, SessionHandler& handler)
    : impl_(new Impl{io, std::make_shared<Hub>()}) {
  Hub& hub = *impl_->hub;
  hub.options = options;
  hub.handler = &handler;
  hub.limits.max_datagram_bytes = std::min(options.max_datagram_bytes, kMaxRecordPayloadBytes);
  hub.limits.queue = options.queue;
  hub.limits.idle_timeout_ms = options.idle_timeout_ms;
  hub.limits.close_timeout_ms = options.close_timeout_ms;
}

TcpClients::~TcpClients() {
  impl_->hub->handler = nullptr;
  const auto all = impl_->hub->sessions;
  for (const auto& [pointer, session] : all) session->abandon(CloseCode::none, {});
}

Session* TcpClients::connect(const env::Address& server, u64 context) {
  const auto session = std::make_shared<ClientSession>(impl_->hub, impl_->io, server);
  session->context = context;
  session->start();
  return session.get();
}

std::size_t TcpClients::connections() const {
  return impl_->hub->sessions.size();
}

std::size_t TcpClients::half_open() const {
  return impl_->hub->half_open;
}

const TlsCounters& TcpClients::counters() const {
  return impl_->hub->counters;
}

}  // namespace drumline::transport
