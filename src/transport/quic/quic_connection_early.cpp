// QuicConnection: what a client says before its handshake is complete (0-RTT).
#include "transport/quic/http3_link.hpp"
#include "transport/quic/quic_connection.hpp"
#include "transport/quic/quic_endpoint.hpp"

namespace drumline::transport {

void QuicConnection::on_early_data(Bytes data) {
  if (!early_) {
    early_ = std::make_unique<Early>();
    ++owner_.counters_.early_data;
    learn_limits();
    if (tls_->resumed() && tls_->check_resumed()) identity_ = tls_->identity();
  }
  if (early_->held.size() + data.size() > kMaxEarlyBytes) {
    close(CloseCode::flood, "too much was sent before the handshake was complete");
    return;
  }
  early_->held.insert(early_->held.end(), data.begin(), data.end());
  // Who he is stands in his ticket; whether he is there, only the handshake's end can say.
  if (owner_.requires_peer_certificate() && !identity_.authenticated) return;
  early_->told = true;
  owner_.handler_.on_early(*this, data);
}

bool QuicConnection::refuses_early_data() {
  if (!http3_ || !server_ || state_ != State::handshaking) return false;
  close(CloseCode::bad_message, "a browser's session takes no early data");
  return true;
}

bool QuicConnection::send_early(Bytes bytes) {
  if (!early_data_ || state_ != State::handshaking || closing_) return false;
  start_client_stream();
  if (!stream_exists_ || !send_buffer_.append(bytes)) return false;
  owner_.mark_for_writing(*this);
  return true;
}

}  // namespace drumline::transport
