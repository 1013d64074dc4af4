#include "transport/websocket/websocket_server.hpp"

#include "transport/websocket/connection.ipp"

namespace drumline::transport {

using namespace websocket_detail;  // NOLINT(google-build-using-namespace)

struct WebSocketServer::Impl {
  std::shared_ptr<Hub> hub = std::make_shared<Hub>();

  template <class Stream>
  void start(Stream stream, const env::Address& peer) {
    auto connection = std::make_shared<Connection<Stream>>(hub, std::move(stream), peer);
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
};

WebSocketServer::WebSocketServer(WebSocketOptions options, TokenVerifier verify, SessionHandler& handler)
    : impl_(std::make_unique<Impl>()) {
  impl_->hub->options = std::move(options);
  impl_->hub->verify = std::move(verify);
  impl_->hub->handler = &handler;
}

WebSocketServer::~WebSocketServer() {
  for (const auto& connection : impl_->all()) {
    connection->abandon(CloseCode::server_stopping, "the server is stopping");
  }
  impl_->hub->handler = nullptr;
}

void WebSocketServer::take(tcp::socket socket, const env::Address& peer) {
  impl_->start(PlainStream(std::move(socket)), peer);
}

void WebSocketServer::take(TlsStream stream, const env::Address& peer) {
  impl_->start(std::move(stream), peer);
}

std::size_t WebSocketServer::connections() const {
  return impl_->hub->connections.size();
}

std::size_t WebSocketServer::half_open() const {
  return impl_->hub->handshakes;
}

const WebSocketCounters& WebSocketServer::counters() const {
  return impl_->hub->counters;
}

void WebSocketServer::close_all(CloseCode code, std::string_view reason) {
  for (const auto& connection : impl_->all()) connection->end(code, reason);
}

}  // namespace drumline::transport
