#include "transport/memory/memory_link.hpp"

#include <optional>
#include <utility>

namespace drumline::transport {

class MemoryLink::End final : public Session {
 public:
  End(MemoryLink& link, SessionHandler& handler, PeerIdentity peer_identity, env::Address peer)
      : link_(link), handler_(handler), identity_(std::move(peer_identity)), peer_(peer) {}

  TransportKind kind() const override { return TransportKind::memory; }
  const PeerIdentity& identity() const override { return identity_; }
  env::Address peer() const override { return peer_; }
  std::size_t max_datagram_bytes() const override { return link_.options_.max_datagram_bytes; }

  bool send_datagram(Bytes payload) override {
    if (closing_ || link_.closed_ || payload.size() > max_datagram_bytes()) return false;
    if (link_.to_lose_ > 0) {
      --link_.to_lose_;
      return true;  // as on a network, the sender does not learn of it
    }
    sent_.push_back({false, {payload.begin(), payload.end()}});
    return true;
  }

  bool send_reliable(Bytes bytes) override {
    if (closing_ || link_.closed_) return false;
    if (bytes.size() > link_.options_.reliable_send_bytes - reliable_held_) {
      close(CloseCode::too_slow, "the reliable stream is not read");
      return false;
    }
    reliable_held_ += bytes.size();
    sent_.push_back({true, {bytes.begin(), bytes.end()}});
    return true;
  }

  void close(CloseCode code, std::string_view reason) override {
    if (!closing_ && !link_.closed_) closing_.emplace(code, std::string(reason));
  }

  /// Hands one message to `other`'s handler; false when there is none.
  bool deliver_one(End& other) {
    if (sent_.empty()) return false;
    const Message message = std::move(sent_.front());
    sent_.pop_front();
    if (message.reliable) reliable_held_ -= message.bytes.size();
    if (other.closing_) return true;
    if (message.reliable) {
      other.handler_.on_reliable(other, message.bytes);
    } else {
      other.handler_.on_datagram(other, message.bytes);
    }
    return true;
  }

  MemoryLink& link_;
  SessionHandler& handler_;
  PeerIdentity identity_;
  env::Address peer_;
  std::deque<Message> sent_;
  std::size_t reliable_held_ = 0;
  std::optional<std::pair<CloseCode, std::string>> closing_;
};

MemoryLink::MemoryLink(SessionHandler& client, SessionHandler& server, Options options)
    : options_(std::move(options)),
      client_(std::make_unique<End>(*this, client, options_.server, options_.server_address)),
      server_(std::make_unique<End>(*this, server, options_.client, options_.client_address)) {}

MemoryLink::~MemoryLink() = default;

Session& MemoryLink::client() {
  return *client_;
}
Session& MemoryLink::server() {
  return *server_;
}

void MemoryLink::deliver() {
  if (closed_) return;
  if (!opened_) {
    opened_ = true;
    server_->handler_.on_open(*server_);
    client_->handler_.on_open(*client_);
  }
  for (bool any = true; any;) {
    const bool from_client = client_->deliver_one(*server_);
    const bool from_server = server_->deliver_one(*client_);
    any = from_client || from_server;
  }
  const auto& why = client_->closing_ ? client_->closing_ : server_->closing_;
  if (!why) return;
  closed_ = true;
  server_->handler_.on_close(*server_, why->first, why->second);
  client_->handler_.on_close(*client_, why->first, why->second);
}

}  // namespace drumline::transport
