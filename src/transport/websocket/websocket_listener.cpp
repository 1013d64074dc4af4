#include "transport/websocket/websocket_listener.hpp"

#include "transport/websocket/connection.ipp"

namespace drumline::transport {

using namespace websocket_detail;  // NOLINT(google-build-using-namespace)

struct WebSocketListener::Impl {
  Impl(asio::io_context& io, WebSocketOptions options, TokenVerifier verify, SessionHandler& handler)
      : acceptor(io), retry(io), hub(std::make_shared<Hub>()) {
    hub->options = std::move(options);
    hub->verify = std::move(verify);
    hub->handler = &handler;
  }

  Result<void> listen() {
    const WebSocketOptions& options = hub->options;
    const bool colons = options.address.find(':') != std::string::npos;
    auto parsed = env::parse_address((colons ? '[' + options.address + ']' : options.address) + ':' +
                                     std::to_string(options.port));
    if (!parsed) return std::move(parsed).error();
    const tcp::endpoint endpoint = to_endpoint(*parsed);
    const std::string where = parsed->to_string() + "/tcp";
    error_code ec;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec && options.reuse_port) {
      acceptor.set_option(asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>(true), ec);
    }
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) bound = to_address(acceptor.local_endpoint(ec));
    if (!ec) return {};
    if (ec == asio::error::address_in_use) {
      return Error{ErrorCode::unavailable, where +
                                               " is in use; stop what listens there, or choose another port "
                                               "(0 picks a free one)"};
    }
    if (ec == asio::error::access_denied) {
      return Error{ErrorCode::permission, where + " may not be bound by this user; choose a port above 1023"};
    }
    return Error{ErrorCode::unavailable, where + " cannot be bound: " + ec.message()};
  }

  /// The listener may go while an accept is out: its handler then finds `gone`.
  void accept() {
    acceptor.async_accept([this, dead = gone](error_code ec, tcp::socket socket) {
      if (*dead || !acceptor.is_open()) return;
      if (ec) {
        hub->counters.accept_errors.add();
        // Out of descriptors or memory: waiting is the only thing that helps.
        retry.expires_after(std::chrono::milliseconds(100));
        retry.async_wait([this, dead](error_code cancelled) {
          if (!cancelled && !*dead && acceptor.is_open()) accept();
        });
        return;
      }
      take(std::move(socket));
      accept();
    });
  }

  void take(tcp::socket socket) {
    hub->counters.accepted.add();
    error_code ec;
    const tcp::endpoint remote = socket.remote_endpoint(ec);
    if (ec) return;  // gone already
    if (hub->connections.size() >= hub->options.max_connections ||
        hub->handshakes >= hub->options.max_handshakes) {
      hub->counters.refused_full.add();
      constexpr std::string_view kFull =
          "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\n"
          "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 46\r\n\r\n"
          "The server has no room left; try again later.\n";
      socket.non_blocking(true, ec);
      socket.write_some(asio::buffer(kFull.data(), kFull.size()), ec);
      return;
    }
    socket.set_option(tcp::no_delay(true), ec);
    socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>(
                          hub->options.kernel_unsent_bytes),
                      ec);
    auto connection =
        std::make_shared<Connection<PlainStream>>(hub, PlainStream(std::move(socket)), to_address(remote));
    hub->connections.emplace(connection.get(), connection);
    hub->handshakes += 1;
    hub->counters.handshakes.set(hub->handshakes);
    connection->start();
  }

  /// A copy: ending one changes the table.
  std::vector<std::shared_ptr<ConnectionBase>> all() const {
    std::vector<std::shared_ptr<ConnectionBase>> connections;
    connections.reserve(hub->connections.size());
    for (const auto& [pointer, connection] : hub->connections) connections.push_back(connection);
    return connections;
  }

  tcp::acceptor acceptor;
  asio::steady_timer retry;
  std::shared_ptr<Hub> hub;
  env::Address bound;
  std::shared_ptr<bool> gone = std::make_shared<bool>(false);
};

WebSocketListener::WebSocketListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<WebSocketListener>> WebSocketListener::create(asio::io_context& io,
                                                                     WebSocketOptions options,
                                                                     TokenVerifier verify,
                                                                     SessionHandler& handler) {
  auto impl = std::make_unique<Impl>(io, std::move(options), std::move(verify), handler);
  if (auto listening = impl->listen(); !listening) return std::move(listening).error();
  impl->accept();
  return std::unique_ptr<WebSocketListener>(new WebSocketListener(std::move(impl)));
}

WebSocketListener::~WebSocketListener() {
  *impl_->gone = true;
  stop_accepting();
  for (const auto& connection : impl_->all()) {
    connection->abandon(CloseCode::server_stopping, "the server is stopping");
  }
  impl_->hub->handler = nullptr;
}

env::Address WebSocketListener::local() const {
  return impl_->bound;
}

std::size_t WebSocketListener::sessions() const {
  return static_cast<std::size_t>(counters().sessions.value());
}

const WebSocketCounters& WebSocketListener::counters() const {
  return impl_->hub->counters;
}

void WebSocketListener::stop_accepting() {
  error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->retry.cancel();
}

void WebSocketListener::close_all(CloseCode code, std::string_view reason) {
  for (const auto& connection : impl_->all()) connection->end(code, reason);
}

}  // namespace drumline::transport
