#include "transport/quic/quic_endpoint.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "env/phase_clock.hpp"
#include "transport/quic/http3_link.hpp"

namespace drumline::transport {

namespace {

// A timer that is due again at once would spin; nothing in QUIC needs less.
constexpr i64 kShortestTimerNs = 100 * kMicrosecondNs;
// From a browser's having its session's end to our end of the connection: its page must have been told.
constexpr i64 kBrowserNs = 200 * kMillisecondNs;

// Ethernet's whole; less a tunnel of IPsec or WireGuard, of PPPoE in it, and of two; IPv6's least.
constexpr std::array<u16, 4> kProbedBytes = {1452, 1372, 1312, 1232};

// No QUIC packet is shorter: a stateless reset is the shortest (RFC 9000, section 10.3).
constexpr std::size_t kSmallestPacketBytes = 21;

TimeNs expiry_of(ngtcp2_conn* conn) {
  const ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry(conn);
  return expiry > static_cast<ngtcp2_tstamp>(kNoDeadline) ? kNoDeadline : static_cast<TimeNs>(expiry);
}

}  // namespace

QuicEndpoint::QuicEndpoint(QuicSettings settings, u8 shard, bool require_peer_certificate,
                           env::Random& random, SessionHandler& handler, env::PacketBatch& out)
    : settings_(std::move(settings)),
      shard_(shard),
      require_peer_certificate_(require_peer_certificate),
      random_(random),
      handler_(handler),
      out_(out) {}

QuicEndpoint::~QuicEndpoint() = default;

ngtcp2_settings QuicEndpoint::transport_settings() const {
  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  settings.initial_ts = static_cast<ngtcp2_tstamp>(now_);
  settings.cc_algo = settings_.congestion == Congestion::bbr ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
  settings.max_tx_udp_payload_size = std::max(settings_.packet_bytes, settings_.largest_packet_bytes);
  settings.no_pmtud = settings_.largest_packet_bytes <= settings_.packet_bytes ? 1 : 0;
  settings.pmtud_probes = kProbedBytes.data();
  settings.pmtud_probeslen = kProbedBytes.size();
  settings.initial_rtt = static_cast<ngtcp2_duration>(settings_.initial_rtt_ns);
  settings.handshake_timeout = static_cast<ngtcp2_duration>(settings_.handshake_timeout_ns);
  settings.ack_thresh = settings_.acknowledge_every;
  settings.rand_ctx.native_handle = &random_;
  return settings;
}

ngtcp2_transport_params QuicEndpoint::transport_params() const {
  ngtcp2_transport_params params;
  ngtcp2_transport_params_default(&params);
  params.initial_max_data = settings_.reliable_receive_bytes;
  params.initial_max_stream_data_bidi_local = settings_.reliable_receive_bytes;
  params.initial_max_stream_data_bidi_remote = settings_.reliable_receive_bytes;
  params.initial_max_streams_uni = settings_.unidirectional_streams;
  if (settings_.unidirectional_streams > 0)
    params.initial_max_stream_data_uni = settings_.reliable_receive_bytes;
  params.max_idle_timeout = static_cast<ngtcp2_duration>(settings_.idle_timeout_ns);
  params.max_udp_payload_size = env::kMaxPacketBytes;
  params.max_ack_delay = static_cast<ngtcp2_duration>(settings_.max_ack_delay_ns);
  params.max_datagram_frame_size = 65535;
  params.active_connection_id_limit = 2;
  params.grease_quic_bit = 1;
  return params;
}

QuicConnection& QuicEndpoint::adopt(std::unique_ptr<QuicConnection> connection) {
  QuicConnection& adopted = *connection;
  to_sockaddr(adopted.peer_, adopted.peer_sockaddr_);
  adopted.table_index_ = static_cast<u32>(connections_.size());
  adopted.flow_ = ++flows_;
  adopted.open_by_ = now_ + settings_.handshake_timeout_ns;
  connections_.push_back(std::move(connection));
  ++half_open_;
  ++counters_.handshakes_started;
  mark_for_writing(adopted);
  return adopted;
}

void QuicEndpoint::opened(QuicConnection&) {
  --half_open_;
  ++counters_.handshakes_completed;
}

void QuicEndpoint::receive(std::span<const env::ReceivedPacket> packets, const env::Address& local,
                           TimeNs now) {
  const env::PhaseScope phase(env::Phase::read_packet);
  advance(now);
  ++depth_;
  forget_remains();
  // Connections that were not heard for a while have left the caches: those of some packets
  // are looked up at once, so that their ways from memory overlap.
  constexpr std::size_t kLookAhead = 16;
  std::array<QuicConnection*, kLookAhead> known{};
  while (!packets.empty()) {
    const auto some = packets.first(std::min(packets.size(), kLookAhead));
    packets = packets.subspan(some.size());
    for (std::size_t i = 0; i < some.size(); ++i) known[i] = find_established(some[i].bytes);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (known[i] != nullptr) known[i]->prefetch_head();
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      ++counters_.packets_received;
      counters_.bytes_received += some[i].bytes.size();
      // One before it may have ended the connection; its memory is there until bury().
      if (known[i] != nullptr && known[i]->state_ != QuicConnection::State::closed)
        read(*known[i], some[i], local);
      else
        receive_any(some[i], local);
    }
  }
  --depth_;
  bury();
}

void QuicEndpoint::receive_again(const env::ReceivedPacket& packet, const env::Address& local, TimeNs now) {
  advance(now);
  ++depth_;
  receive_any(packet, local);
  --depth_;
  bury();
}

/// Of a packet with a short header: whose destination id is one of ours. Null: look closer.
QuicConnection* QuicEndpoint::find_established(Bytes packet) const {
  constexpr std::byte kLongHeader{0x80};
  if (packet.size() < kSmallestPacketBytes || (packet.front() & kLongHeader) != std::byte{}) return nullptr;
  const auto found = by_id_.find(local_id(reinterpret_cast<const u8*>(packet.data()) + 1));
  return found == by_id_.end() ? nullptr : found->second;
}

void QuicEndpoint::receive_any(const env::ReceivedPacket& packet, const env::Address& local) {
  // ngtcp2 asserts on an empty packet, which anyone can send.
  if (packet.bytes.size() < kSmallestPacketBytes) return drop(PacketDrop::malformed);
  ngtcp2_version_cid header{};
  const int rc = ngtcp2_pkt_decode_version_cid(&header, reinterpret_cast<const u8*>(packet.bytes.data()),
                                               packet.bytes.size(), kConnectionIdBytes);
  if (rc == NGTCP2_ERR_VERSION_NEGOTIATION) return receive_other_version(packet, header);
  if (rc != 0 || header.dcidlen > NGTCP2_MAX_CIDLEN) return drop(PacketDrop::malformed);
  if (header.dcidlen == kConnectionIdBytes) {
    const LocalId id = local_id(header.dcid);
    if (const auto found = by_id_.find(id); found != by_id_.end()) return read(*found->second, packet, local);
    if (const auto found = closed_by_id_.find(id); found != closed_by_id_.end())
      return answer_closed(*found->second, packet);
  }
  if (header.version != 0) {
    const InitialId id(header.dcid, header.dcidlen);
    if (const auto found = by_initial_id_.find(id); found != by_initial_id_.end())
      return read(*found->second, packet, local);
    if (const auto found = closed_by_initial_id_.find(id); found != closed_by_initial_id_.end())
      return answer_closed(*found->second, packet);
  }
  receive_unknown(packet, local, header);
}

void QuicEndpoint::read(QuicConnection& connection, const env::ReceivedPacket& packet,
                        const env::Address& local) {
  if (connection.state_ == QuicConnection::State::handshaking && defer(packet, local)) return;
  QuicPath path(local, packet.from);
  const ngtcp2_pkt_info info{packet.ecn};
  if (connection.state_ == QuicConnection::State::handshaking) {
    connection.handshake_bytes_received_ += packet.bytes.size();
  }
  connection.prompt_ = connection.state_ == QuicConnection::State::handshaking;
  connection.unacknowledged_bytes_ += packet.bytes.size();
  connection.in_callback_ = true;
  const int rc = ngtcp2_conn_read_pkt(connection.conn_, path.get(), &info,
                                      reinterpret_cast<const u8*>(packet.bytes.data()), packet.bytes.size(),
                                      static_cast<ngtcp2_tstamp>(now_));
  connection.in_callback_ = false;
  if (rc != 0) {
    fail(connection, rc);
    return;
  }
  settle(connection);
}

void QuicEndpoint::settle(QuicConnection& connection) {
  // Datagrams need no answer but an acknowledgement, and that may wait for company.
  if (connection.prompt_ || connection.closing_ || !connection.all_acknowledged() ||
      ++connection.unacknowledged_packets_ >= settings_.acknowledge_every ||
      connection.unacknowledged_bytes_ >= settings_.acknowledge_bytes) {
    mark_for_writing(connection);
  } else {
    mark_dirty(connection);
  }
  if (connection.tls_ && ngtcp2_conn_get_handshake_completed(connection.conn_) != 0 &&
      !connection.tls_->awaits_ticket()) {
    ngtcp2_conn_set_tls_native_handle(connection.conn_, nullptr);
    connection.tls_.reset();
  }
  // A peer behind a NAT may come from elsewhere; ngtcp2 has validated the new path.
  const ngtcp2_path* path = ngtcp2_conn_get_path(connection.conn_);
  if (std::memcmp(path->remote.addr, &connection.peer_sockaddr_, sizeof connection.peer_sockaddr_) != 0) {
    std::memcpy(&connection.peer_sockaddr_, path->remote.addr, sizeof connection.peer_sockaddr_);
    connection.peer_ = from_sockaddr(connection.peer_sockaddr_);
    connection.narrow_ = false;
  }
  if (!connection.deferred_datagrams_.empty()) {
    for (const auto& payload : connection.deferred_datagrams_) connection.write_datagram(payload);
    connection.deferred_datagrams_.clear();
  }
}

void QuicEndpoint::on_timer(TimeNs now) {
  const env::PhaseScope phase(env::Phase::timers);
  advance(now);
  ++depth_;
  forget_remains();
  while (deadlines_.next() <= now_) {
    QuicConnection& connection = deadlines_.top();
    if (const TimeNs next = due(connection); next > now_) {
      deadlines_.set(connection, next);
      continue;
    }
    if (connection.awaits_session() && connection.open_by_ <= now_)
      connection.close(CloseCode::idle, "no session was asked for in time");
    if (connection.state_ == QuicConnection::State::handshaking && connection.open_by_ <= now_) {
      // ngtcp2's own timeout ends when the handshake is complete; ours when a client knows that it is.
      fail(connection, NGTCP2_ERR_HANDSHAKE_TIMEOUT);
      continue;
    }
    if (expiry_of(connection.conn_) <= now_) {
      const int rc = ngtcp2_conn_handle_expiry(connection.conn_, static_cast<ngtcp2_tstamp>(now_));
      if (rc != 0) {
        fail(connection, rc);
        continue;
      }
    }
    connection.acknowledge_soon_ = false;
    service(connection);
    if (connection.state_ == QuicConnection::State::closed) continue;
    const TimeNs next = due(connection);
    deadlines_.set(connection, std::max(next, now_ + kShortestTimerNs));
  }
  --depth_;
  bury();
}

TimeNs QuicEndpoint::deadline() const {
  return dirty_.empty() ? deadlines_.next() : std::min(now_, deadlines_.next());
}

void QuicEndpoint::flush(TimeNs now) {
  const env::PhaseScope phase(env::Phase::timers);
  advance(now);
  ++depth_;
  // Handlers that are told of a close may dirty others: those go round again.
  while (!dirty_.empty()) {
    flushing_.swap(dirty_);
    for (std::size_t i = 0; i < flushing_.size(); ++i) {
      QuicConnection* connection = flushing_[i];
      if (connection == nullptr) continue;
      connection->dirty_ = false;
      if (connection->wants_write_ || connection->error_ != 0) {
        service(*connection);
      } else {
        reschedule(*connection);
      }
    }
    flushing_.clear();
  }
  --depth_;
  bury();
}

void QuicEndpoint::service(QuicConnection& connection) {
  if (connection.state_ == QuicConnection::State::closed) return;
  connection.wants_write_ = false;
  if (connection.error_ != 0) {
    fail(connection, connection.error_);
    return;
  }
  if (const auto& closing = connection.closing_) {
    const bool is_open = connection.state_ == QuicConnection::State::open;
    const bool is_time = now_ >= closing->until || connection.all_acknowledged();
    // A browser is told by its session, whose end then has to arrive too.
    if (connection.http3_ && is_open && is_time &&
        connection.http3_->say_goodbye(closing->code, closing->reason))
      connection.write_pending();
    const bool peer_ends_it = connection.http3_ && connection.http3_->said_goodbye();
    if (peer_ends_it && connection.all_acknowledged())
      closing->until = std::min(closing->until, now_ + kBrowserNs);
    if (!is_open || now_ >= closing->until || (connection.all_acknowledged() && !peer_ends_it)) {
      ngtcp2_ccerr error;
      ngtcp2_ccerr_default(&error);
      const std::string reason = closing->reason;
      const u64 code = connection.http3_ ? connection.http3_->wire_code() : static_cast<u64>(closing->code);
      ngtcp2_ccerr_set_application_error(&error, code, reinterpret_cast<const u8*>(reason.data()),
                                         reason.size());
      close_now(connection, error, {closing->code, reason, HandshakeFailure::closed_here});
      return;
    }
  }
  connection.last_write_ = now_;
  connection.unacknowledged_packets_ = 0;
  connection.unacknowledged_bytes_ = 0;
  if (!connection.write_pending()) {
    fail(connection, connection.error_);
    return;
  }
  if (connection.server_ && connection.state_ == QuicConnection::State::handshaking &&
      connection.handshake_bytes_sent_ + settings_.packet_bytes > 3 * connection.handshake_bytes_received_) {
    ++counters_.amplification_limited;
  }
  reschedule(connection);
}

bool QuicEndpoint::may_hold(const QuicConnection& connection) const {
  return connection.state_ == QuicConnection::State::open && !connection.closing_ &&
         !connection.acknowledge_soon_ && connection.all_acknowledged() && !connection.awaits_session();
}

TimeNs QuicEndpoint::due(const QuicConnection& connection) const {
  const TimeNs hold_until = connection.last_write_ + settings_.acknowledge_hold_ns;
  const bool held = may_hold(connection);
  // ngtcp2 works its timers out anew at each question: it is asked only when they can matter.
  if (held && hold_until > now_) return hold_until;
  const TimeNs expiry = expiry_of(connection.conn_);
  if (connection.closing_) return std::min(expiry, connection.closing_->until);
  if (connection.state_ == QuicConnection::State::handshaking || connection.awaits_session())
    return std::min(expiry, connection.open_by_);
  return held ? std::max(expiry, hold_until) : expiry;
}

void QuicEndpoint::reschedule(QuicConnection& connection) {
  const TimeNs next = due(connection);
  // An earlier deadline than the true one only looks again; moving it costs more.
  if (connection.heap_index == DeadlineSlot::kOutside || next < connection.deadline)
    deadlines_.set(connection, next);
}

void QuicEndpoint::close_all(CloseCode code, std::string_view reason) {
  for (const auto& connection : connections_) connection->close(code, reason);
}

void QuicEndpoint::mark_dirty(QuicConnection& connection) {
  if (connection.dirty_ || connection.state_ == QuicConnection::State::closed) return;
  connection.dirty_ = true;
  connection.dirty_index_ = static_cast<u32>(dirty_.size());
  dirty_.push_back(&connection);
}

void QuicEndpoint::mark_for_writing(QuicConnection& connection) {
  connection.wants_write_ = true;
  mark_dirty(connection);
}

void QuicEndpoint::commit(QuicConnection& connection, std::size_t size, u8 ecn) {
  ++counters_.packets_sent;
  counters_.bytes_sent += size;
  if (connection.state_ == QuicConnection::State::handshaking) connection.handshake_bytes_sent_ += size;
  const sockaddr_in6& to = out_path_.remote();
  if (std::memcmp(&to, &connection.peer_sockaddr_, sizeof to) == 0) {
    out_.commit(connection.peer_, size, ecn, connection.flow_);
  } else {
    out_.commit(from_sockaddr(to), size, ecn, connection.flow_);  // a probe of another path
  }
}

void QuicEndpoint::send_alone(const env::Address& to, std::size_t size) {
  ++counters_.packets_sent;
  counters_.bytes_sent += size;
  out_.commit(to, size, 0);
}

bool QuicEndpoint::issue_id(QuicConnection& connection, ngtcp2_cid& id, u8* token) {
  make_connection_id(id, shard_, random_);
  reset_token(id, token);
  add_id(connection, local_id(id.data));
  return true;
}

void QuicEndpoint::add_id(QuicConnection& connection, LocalId id) {
  by_id_[id] = &connection;
  connection.ids_.push_back(id);
}

void QuicEndpoint::retire_id(QuicConnection& connection, LocalId id) {
  by_id_.erase(id);
  std::erase(connection.ids_, id);
}

void QuicEndpoint::add_initial_id(QuicConnection& connection, const InitialId& id) {
  by_initial_id_[id] = &connection;
  connection.initial_id_ = id;
}

void QuicEndpoint::note_reset_token(QuicConnection& connection, const u8* token, bool active) {
  ResetToken key;
  std::memcpy(key.data(), token, key.size());
  if (active) {
    if (by_reset_token_.emplace(key, &connection).second) connection.reset_tokens_.push_back(key);
  } else if (std::erase(connection.reset_tokens_, key) > 0) {
    by_reset_token_.erase(key);
  }
}

QuicConnection* QuicEndpoint::find_by_reset_token(Bytes packet) const {
  ResetToken key;
  // RFC 9000, section 10.3: at least 5 bytes of noise before the token.
  if (packet.size() < key.size() + NGTCP2_MIN_STATELESS_RESET_RANDLEN) return nullptr;
  std::memcpy(key.data(), packet.last(key.size()).data(), key.size());
  const auto found = by_reset_token_.find(key);
  return found == by_reset_token_.end() ? nullptr : found->second;
}

}  // namespace drumline::transport
