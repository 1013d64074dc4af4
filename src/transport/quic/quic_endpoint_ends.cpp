// QuicEndpoint: how connections end, and what is left of them for a while.
#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "transport/quic/quic_endpoint.hpp"

namespace drumline::transport {

namespace {

CloseCode close_code_of(u64 code) {
  return code < kCloseCodes ? static_cast<CloseCode>(code) : CloseCode::internal;
}

std::string text_of(const ngtcp2_ccerr& error) {
  return printable({reinterpret_cast<const char*>(error.reason), error.reasonlen});
}

/// Of the Initial packet that a datagram of ours begins with, when another follows it; otherwise 0.
std::size_t initial_packet_bytes(Bytes datagram) {
  ngtcp2_pkt_hd header;
  const ngtcp2_ssize read =
      ngtcp2_pkt_decode_hd_long(&header, reinterpret_cast<const u8*>(datagram.data()), datagram.size());
  if (read < 0 || header.type != NGTCP2_PKT_INITIAL) return 0;
  const std::size_t bytes = static_cast<std::size_t>(read) + header.len;
  return bytes < datagram.size() ? bytes : 0;
}

}  // namespace

QuicEndpoint::Ending QuicEndpoint::ending_from_peer(const QuicConnection& connection) const {
  if (connection.reset_by_peer_) {
    return {CloseCode::server_stopping, "the peer no longer knows this connection (stateless reset)",
            HandshakeFailure::closed_by_peer};
  }
  if (connection.http3_ && connection.state_ == QuicConnection::State::open) {
    // The codes of HTTP/3 say nothing about a player: who meant to leave has said so before.
    if (connection.closing_)
      return {connection.closing_->code, connection.closing_->reason, HandshakeFailure::closed_by_peer};
    return {CloseCode::idle, "the browser closed the connection", HandshakeFailure::closed_by_peer};
  }
  const ngtcp2_ccerr& error = *ngtcp2_conn_get_ccerr(connection.conn_);
  const std::string text = text_of(error);
  const std::string tail = text.empty() ? "" : ": " + text;
  if (error.type == NGTCP2_CCERR_TYPE_APPLICATION) {
    return {close_code_of(error.error_code), text, HandshakeFailure::closed_by_peer};
  }
  if (error.type == NGTCP2_CCERR_TYPE_VERSION_NEGOTIATION) {
    return {CloseCode::version, "the peer serves no QUIC version that we speak",
            HandshakeFailure::closed_by_peer};
  }
  if (error.error_code >= NGTCP2_CRYPTO_ERROR && error.error_code < NGTCP2_CRYPTO_ERROR + 256) {
    const u8 alert = static_cast<u8>(error.error_code - NGTCP2_CRYPTO_ERROR);
    return {close_code_of(failure_of_alert(alert)),
            fmt::format("the peer refused us: {}{}", alert_text(alert), tail),
            HandshakeFailure::closed_by_peer};
  }
  switch (error.error_code) {
    case NGTCP2_NO_ERROR:
      return {CloseCode::none, text, HandshakeFailure::closed_by_peer};
    case NGTCP2_CONNECTION_REFUSED:
      return {CloseCode::flood, "the server refused the connection" + tail, HandshakeFailure::closed_by_peer};
    default:
      return {CloseCode::internal, fmt::format("QUIC error {:#x} from the peer{}", error.error_code, tail),
              HandshakeFailure::closed_by_peer};
  }
}

void QuicEndpoint::fail(QuicConnection& connection, int error) {
  switch (error) {
    case NGTCP2_ERR_DRAINING:
      end(connection, ending_from_peer(connection), {}, true);
      return;
    case NGTCP2_ERR_IDLE_CLOSE:
      end(connection, {CloseCode::idle, "nothing was heard for the idle timeout", HandshakeFailure::timeout},
          {}, false);
      return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
      end(connection, {CloseCode::idle, "the handshake took too long", HandshakeFailure::timeout}, {}, false);
      return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
      end(connection,
          {CloseCode::version, "the peer serves no QUIC version that we speak", HandshakeFailure::protocol},
          {}, false);
      return;
    case NGTCP2_ERR_CLOSING:
    case NGTCP2_ERR_RETRY:
    case NGTCP2_ERR_DROP_CONN:
      end(connection, {CloseCode::internal, ngtcp2_strerror(error), HandshakeFailure::protocol}, {}, false);
      return;
    default:
      break;
  }
  ngtcp2_ccerr close;
  ngtcp2_ccerr_default(&close);
  Ending ending{CloseCode::internal, ngtcp2_strerror(error), HandshakeFailure::protocol};
  std::string told;
  const bool refused = connection.tls_ && connection.tls_->failure() != HandshakeFailure::none;
  if (error == NGTCP2_ERR_CRYPTO || refused) {
    const u8 alert = refused ? connection.tls_->alert() : ngtcp2_conn_get_tls_alert(connection.conn_);
    ending.failure = refused ? connection.tls_->failure() : failure_of_alert(alert);
    ending.reason = alert_text(alert);
    if (refused) ending.reason += ": " + connection.tls_->failure_text();
    ending.code = close_code_of(ending.failure);
    told = (refused ? connection.tls_->failure_text() : ending.reason).substr(0, 200);
    ngtcp2_ccerr_set_tls_alert(&close, alert, reinterpret_cast<const u8*>(told.data()), told.size());
  } else {
    ngtcp2_ccerr_set_liberr(&close, error, nullptr, 0);
  }
  close_now(connection, close, std::move(ending));
}

void QuicEndpoint::close_now(QuicConnection& connection, const ngtcp2_ccerr& error, Ending ending) {
  const MutableBytes room = out_.space();
  ngtcp2_pkt_info info{};
  const ngtcp2_ssize written = ngtcp2_conn_write_connection_close(
      connection.conn_, out_path_.get(), &info, reinterpret_cast<u8*>(room.data()), room.size(), &error,
      static_cast<ngtcp2_tstamp>(now_));
  std::vector<std::byte> farewell;
  if (written > 0) {
    Bytes told = Bytes(room).first(static_cast<std::size_t>(written));
    // ngtcp2 puts a close into a packet of each kind, all in one datagram. Peers are to pass over
    // one that they cannot open and read on (RFC 9000, section 12.2); not all do, quiche for one.
    if (connection.server_ && connection.peer_past_initial_) told = told.subspan(initial_packet_bytes(told));
    farewell.assign(told.begin(), told.end());
    std::copy(farewell.begin(), farewell.end(), room.begin());
    commit(connection, farewell.size(), info.ecn);
  }
  end(connection, std::move(ending), farewell, true);
}

void QuicEndpoint::end(QuicConnection& connection, Ending ending, Bytes farewell, bool keep_remains) {
  if (connection.state_ == QuicConnection::State::closed) return;
  const bool was_open = connection.told_open_;
  connection.state_ = QuicConnection::State::closed;
  deadlines_.remove(connection);
  if (connection.dirty_) {
    dirty_[connection.dirty_index_] = nullptr;
    connection.dirty_ = false;
  }
  if (!was_open) {
    --half_open_;
    ++counters_.handshakes_failed[static_cast<std::size_t>(ending.failure)];
  } else {
    ++counters_.closed[static_cast<std::size_t>(ending.code)];
    if (connection.http3_) --counters_.webtransport.sessions;
  }

  for (const auto& token : connection.reset_tokens_) by_reset_token_.erase(token);
  std::unique_ptr<Remains> remains;
  if (keep_remains) {
    remains = std::make_unique<Remains>();
    remains->ids = connection.ids_;
    remains->initial_id = connection.initial_id_;
    remains->farewell.assign(farewell.begin(), farewell.end());
    remains->to = connection.peer_;
    remains->until = now_ + kClosedNs;
  }
  for (const LocalId id : connection.ids_) {
    by_id_.erase(id);
    if (remains) closed_by_id_[id] = remains.get();
  }
  if (connection.initial_id_) {
    by_initial_id_.erase(*connection.initial_id_);
    if (remains) closed_by_initial_id_[*connection.initial_id_] = remains.get();
  }
  if (remains) remains_.push_back(std::move(remains));

  const u32 index = connection.table_index_;
  ended_.push_back(std::move(connections_[index]));
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->table_index_ = index;
  }
  connections_.pop_back();

  if (connection.server_ && !was_open) {
    if (const auto pass = log_limiter_.allow(now_)) {
      log_warning("quic: handshake with {} failed ({}): {} ({} more not shown)", connection.peer_.to_string(),
                  handshake_failure_name(ending.failure), ending.reason, pass->suppressed);
    }
    if (!connection.early_ || !connection.early_->told) return;
  }
  handler_.on_close(connection, ending.code, ending.reason);
}

void QuicEndpoint::answer_closed(Remains& remains, const env::ReceivedPacket& packet) {
  drop(PacketDrop::closed);
  // Ever more rarely (RFC 9000, section 10.2.1), and never more bytes than came.
  ++remains.packets_seen;
  const bool due = (remains.packets_seen & (remains.packets_seen - 1)) == 0;
  if (!due || remains.farewell.empty() || remains.farewell.size() > packet.bytes.size() * 3) return;
  const MutableBytes room = out_.space();
  std::copy(remains.farewell.begin(), remains.farewell.end(), room.begin());
  send_alone(remains.to, remains.farewell.size());
}

void QuicEndpoint::forget_remains() {
  while (!remains_.empty() && (remains_.front()->until <= now_ || remains_.size() > kMaxRemains)) {
    Remains& oldest = *remains_.front();
    for (const LocalId id : oldest.ids) closed_by_id_.erase(id);
    if (oldest.initial_id) {
      const auto found = closed_by_initial_id_.find(*oldest.initial_id);
      if (found != closed_by_initial_id_.end() && found->second == &oldest)
        closed_by_initial_id_.erase(found);
    }
    remains_.pop_front();
  }
}

void QuicEndpoint::bury() {
  if (depth_ == 0) ended_.clear();
}

}  // namespace drumline::transport
