#include "transport/quic/quic_server.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>
#include <ngtcp2/ngtcp2_crypto.h>

namespace drumline::transport {

namespace {

const u8* data_of(Bytes bytes) {
  return reinterpret_cast<const u8*>(bytes.data());
}
u8* data_of(MutableBytes bytes) {
  return reinterpret_cast<u8*>(bytes.data());
}

constexpr ngtcp2_duration kAddressTokenLifetime = 24 * 3600 * NGTCP2_SECONDS;

/// Address tokens are good at every server and after a restart, so they are dated by the wall clock.
ngtcp2_tstamp wall_now() {
  return static_cast<ngtcp2_tstamp>(::time(nullptr)) * NGTCP2_SECONDS;
}

const ngtcp2_sockaddr* sockaddr_of(const sockaddr_in6& address) {
  return reinterpret_cast<const ngtcp2_sockaddr*>(&address);
}

}  // namespace

Result<std::unique_ptr<QuicServer>> QuicServer::create(const QuicServerOptions& options, env::Random& random,
                                                       SessionHandler& handler, env::PacketBatch& out) {
  if (options.tls.certificate.empty() || options.tls.key.empty()) {
    return Error{ErrorCode::invalid_argument, "a QUIC server needs a certificate and its key"};
  }
  if (options.require_client_certificate && options.tls.authority.empty()) {
    return Error{ErrorCode::invalid_argument, "client certificates are required, but no authority is named"};
  }
  if (options.settings.packet_bytes < NGTCP2_MAX_UDP_PAYLOAD_SIZE ||
      options.settings.packet_bytes > env::kMaxPacketBytes) {
    return Error{ErrorCode::invalid_argument, "packet_bytes must be from 1200 to 1500"};
  }
  auto credentials = TlsCredentials::load(options.tls);
  if (!credentials) return std::move(credentials).error();
  return std::unique_ptr<QuicServer>(new QuicServer(options, std::move(*credentials), random, handler, out));
}

QuicServer::QuicServer(const QuicServerOptions& options, std::shared_ptr<const TlsCredentials> credentials,
                       env::Random& random, SessionHandler& handler, env::PacketBatch& out)
    : QuicEndpoint(options.settings, options.shard, options.require_client_certificate, random, handler, out),
      options_(options),
      credentials_(std::move(credentials)),
      reset_secret_(credentials_->secret("stateless reset")),
      retry_secret_(credentials_->secret("retry token")),
      address_secret_(credentials_->secret("address token")),
      callbacks_(QuicConnection::server_callbacks()) {
  // Early data under tickets older than this is refused: so it is begun now, not with the first client.
  tickets_under(credentials_in_use());
}

void QuicServer::reset_token(const ngtcp2_cid& id, u8* token) {
  const int rc =
      ngtcp2_crypto_generate_stateless_reset_token(token, reset_secret_.data(), reset_secret_.size(), &id);
  DRUM_ASSERT(rc == 0);
}

std::shared_ptr<const TlsCredentials> QuicServer::credentials_in_use() const {
  return options_.credentials ? options_.credentials() : credentials_;
}

bool QuicServer::may_reply() {
  const TimeNs second = now_ / kSecondNs;
  if (second != reply_second_) {
    reply_second_ = second;
    replies_left_ = options_.stateless_replies_per_second;
  }
  if (replies_left_ == 0) {
    drop(PacketDrop::reply_limit);
    return false;
  }
  --replies_left_;
  return true;
}

void QuicServer::receive_other_version(const env::ReceivedPacket& packet, const ngtcp2_version_cid& header) {
  if (packet.bytes.size() < NGTCP2_MAX_UDP_PAYLOAD_SIZE) {
    drop(PacketDrop::malformed);
    return;
  }
  if (!may_reply()) return;
  const MutableBytes room = out_.space();
  const ngtcp2_ssize written = ngtcp2_pkt_write_version_negotiation(
      data_of(room), room.size(), static_cast<u8>(random_.next_u64()), header.scid, header.scidlen,
      header.dcid, header.dcidlen, kQuicVersions.data(), kQuicVersions.size());
  if (written <= 0) return;
  send_alone(packet.from, static_cast<std::size_t>(written));
  ++counters_.version_negotiations_sent;
}

void QuicServer::receive_unknown(const env::ReceivedPacket& packet, const env::Address& local,
                                 const ngtcp2_version_cid& header) {
  if (header.version == 0) {
    drop(PacketDrop::unknown_connection);
    send_reset(packet, header);
    return;
  }
  ngtcp2_pkt_hd initial{};
  if (ngtcp2_accept(&initial, data_of(packet.bytes), packet.bytes.size()) != 0) {
    // Early data whose connection waits to be made: it comes right after that.
    if (waiting_to_open_ > 0 &&
        ngtcp2_pkt_decode_hd_long(&initial, data_of(packet.bytes), packet.bytes.size()) > 0 &&
        initial.type == NGTCP2_PKT_0RTT && keep_waiting(packet, local, false))
      return;
    drop(PacketDrop::not_initial);
    return;
  }
  receive_initial(packet, local, initial);
}

/// False: it is to be dealt with now.
bool QuicServer::keep_waiting(const env::ReceivedPacket& packet, const env::Address& local, bool opens) {
  if (options_.max_waiting_packets == 0 || handshaking_one_) return false;
  if (waiting_.size() >= options_.max_waiting_packets) {
    drop(PacketDrop::waiting_limit);
    return true;
  }
  waiting_.push_back({packet.from, local, packet.ecn, opens, {packet.bytes.begin(), packet.bytes.end()}});
  if (opens) ++waiting_to_open_;
  return true;
}

bool QuicServer::defer(const env::ReceivedPacket& packet, const env::Address& local) {
  return keep_waiting(packet, local, false);
}

bool QuicServer::handshake_one(TimeNs now) {
  if (waiting_.empty()) return false;
  const WaitingPacket packet = std::move(waiting_.front());
  waiting_.pop_front();
  if (packet.opens) --waiting_to_open_;
  handshaking_one_ = true;
  receive_again({packet.from, packet.bytes, packet.ecn}, packet.local, now);
  handshaking_one_ = false;
  return true;
}

void QuicServer::receive_initial(const env::ReceivedPacket& packet, const env::Address& local,
                                 const ngtcp2_pkt_hd& header) {
  if (!accepting_) {
    refuse(packet, header, NGTCP2_CONNECTION_REFUSED);
    return;
  }
  ngtcp2_cid original_id{};
  AddressProof proof = AddressProof::none;
  // Any other token was not made here, and counts as none (RFC 9000, section 8.1.3).
  if (header.tokenlen > 0 && header.token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
    sockaddr_in6 from;
    to_sockaddr(packet.from, from);
    const int rc = ngtcp2_crypto_verify_retry_token2(
        &original_id, header.token, header.tokenlen, retry_secret_.data(), retry_secret_.size(),
        header.version, sockaddr_of(from), sizeof from, &header.dcid,
        static_cast<ngtcp2_duration>(options_.retry_token_lifetime_ns), static_cast<ngtcp2_tstamp>(now_));
    if (rc != 0) {
      drop(PacketDrop::bad_token);
      refuse(packet, header, NGTCP2_INVALID_TOKEN);
      return;
    }
    proof = AddressProof::retry;
  } else if (proves_address(packet, header)) {
    proof = AddressProof::earlier_session;
  }
  if (proof == AddressProof::none && under_way() >= options_.retry_threshold) {
    send_retry(packet, header);
    return;
  }
  if (under_way() >= options_.max_half_open) {
    drop(PacketDrop::half_open_limit);
    return;
  }
  if (connections() >= options_.max_connections) {
    ++counters_.connections_refused;
    refuse(packet, header, NGTCP2_CONNECTION_REFUSED);
    return;
  }
  if (keep_waiting(packet, local, true)) return;
  accept(packet, local, header, proof, original_id);
}

/// By a token of an earlier session, of this server or of one with the same key.
bool QuicServer::proves_address(const env::ReceivedPacket& packet, const ngtcp2_pkt_hd& header) const {
  if (header.tokenlen == 0 || header.token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_REGULAR) return false;
  sockaddr_in6 from;
  to_sockaddr(packet.from, from);
  return ngtcp2_crypto_verify_regular_token(header.token, header.tokenlen, address_secret_.data(),
                                            address_secret_.size(), sockaddr_of(from), sizeof from,
                                            kAddressTokenLifetime, wall_now()) == 0;
}

void QuicServer::completed(QuicConnection& connection) {
  // Browsers do not resume a session that was allowed by a certificate's hash.
  if (!tickets_ || connection.http3_) return;
  connection.tls_->send_ticket();
  sockaddr_in6 peer;
  to_sockaddr(connection.peer_, peer);
  std::array<u8, NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN> token;
  const ngtcp2_ssize size =
      ngtcp2_crypto_generate_regular_token(token.data(), address_secret_.data(), address_secret_.size(),
                                           sockaddr_of(peer), sizeof peer, wall_now());
  if (size > 0) ngtcp2_conn_submit_new_token(connection.conn_, token.data(), static_cast<std::size_t>(size));
}

/// Others under another authority: a ticket must not outlive the one that let its owner in.
std::shared_ptr<SessionTickets> QuicServer::tickets_under(
    const std::shared_ptr<const TlsCredentials>& credentials) {
  if (!options_.ticket_keys) return nullptr;
  // Early data is sent under the limits of the earlier session, which a ticket must therefore share.
  const auto& authority = credentials->authority_digest();
  std::string binding(authority.begin(), authority.end());
  binding += fmt::format(" {} {} {} {}", options_.settings.alpn, options_.settings.reliable_receive_bytes,
                         options_.settings.unidirectional_streams, options_.require_client_certificate);
  if (tickets_ && binding == tickets_binding_) return tickets_;
  tickets_ = std::make_shared<SessionTickets>(SessionTickets::Options{
      options_.ticket_keys->quic_master(binding), options_.ticket_keys->period_s(), options_.early_data});
  tickets_binding_ = std::move(binding);
  return tickets_;
}

void QuicServer::accept(const env::ReceivedPacket& packet, const env::Address& local,
                        const ngtcp2_pkt_hd& header, AddressProof proof, const ngtcp2_cid& original_id) {
  ngtcp2_settings settings = transport_settings();
  ngtcp2_transport_params params = transport_params();
  params.initial_max_streams_bidi = 1;
  params.original_dcid_present = 1;
  params.original_dcid = header.dcid;
  if (proof != AddressProof::none) {
    settings.token = header.token;
    settings.tokenlen = header.tokenlen;
    settings.token_type =
        proof == AddressProof::retry ? NGTCP2_TOKEN_TYPE_RETRY : NGTCP2_TOKEN_TYPE_NEW_TOKEN;
  }
  if (proof == AddressProof::retry) {
    params.original_dcid = original_id;
    params.retry_scid = header.dcid;
    params.retry_scid_present = 1;
  }
  ngtcp2_cid id;
  make_connection_id(id, shard_, random_);
  params.stateless_reset_token_present = 1;
  reset_token(id, params.stateless_reset_token);

  auto made = std::make_unique<QuicConnection>(*this, true);
  QuicPath path(local, packet.from);
  if (ngtcp2_conn_server_new(&made->conn_, &header.scid, &id, path.get(), header.version, &callbacks_,
                             &settings, &params, nullptr, made.get()) != 0) {
    return;
  }
  TlsHandshake::Options tls;
  tls.server = true;
  tls.require_peer_certificate = options_.require_client_certificate;
  tls.alpn = options_.settings.alpn;
  if (options_.webtransport) {
    tls.on_http3 = [](void* owner) {
      auto& connection = *static_cast<QuicConnection*>(owner);
      const WebTransportOptions& options = *static_cast<QuicServer&>(connection.owner_).options_.webtransport;
      connection.speak_http3(options);
      return options.credentials ? options.credentials() : nullptr;
    };
  }
  const auto credentials = credentials_in_use();
  tls.tickets = tickets_under(credentials);
  if (const auto started = made->start_tls(credentials, std::move(tls)); !started) {
    log_error("quic: {}", started.error().message);
    return;
  }
  made->peer_ = packet.from;
  QuicConnection& connection = adopt(std::move(made));
  add_id(connection, local_id(id.data));
  add_initial_id(connection, InitialId(header.dcid.data, header.dcid.datalen));
  read(connection, packet, local);
}

void QuicServer::send_retry(const env::ReceivedPacket& packet, const ngtcp2_pkt_hd& header) {
  if (!may_reply()) return;
  sockaddr_in6 from;
  to_sockaddr(packet.from, from);
  ngtcp2_cid id;
  make_connection_id(id, shard_, random_);
  std::array<u8, NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2> token;
  const ngtcp2_ssize token_size = ngtcp2_crypto_generate_retry_token2(
      token.data(), retry_secret_.data(), retry_secret_.size(), header.version, sockaddr_of(from),
      sizeof from, &id, &header.dcid, static_cast<ngtcp2_tstamp>(now_));
  if (token_size < 0) return;
  const MutableBytes room = out_.space();
  const ngtcp2_ssize written =
      ngtcp2_crypto_write_retry(data_of(room), room.size(), header.version, &header.scid, &id, &header.dcid,
                                token.data(), static_cast<std::size_t>(token_size));
  if (written <= 0) return;
  send_alone(packet.from, static_cast<std::size_t>(written));
  ++counters_.retries_sent;
}

void QuicServer::refuse(const env::ReceivedPacket& packet, const ngtcp2_pkt_hd& header, u64 error) {
  if (!may_reply()) return;
  const MutableBytes room = out_.space();
  const ngtcp2_ssize written = ngtcp2_crypto_write_connection_close(
      data_of(room), room.size(), header.version, &header.scid, &header.dcid, error, nullptr, 0);
  if (written > 0) send_alone(packet.from, static_cast<std::size_t>(written));
}

void QuicServer::send_reset(const env::ReceivedPacket& packet, const ngtcp2_version_cid& header) {
  // Shorter than what it answers, so that two ends cannot answer each other for
  // ever (RFC 9000, section 10.3.3).
  constexpr std::size_t kToken = NGTCP2_STATELESS_RESET_TOKENLEN;
  constexpr std::size_t kLongestNoise = 27;
  if (packet.bytes.size() <= kToken + NGTCP2_MIN_STATELESS_RESET_RANDLEN) return;
  if (header.dcidlen != kConnectionIdBytes || header.dcid[0] != shard_) return;
  if (!may_reply()) return;
  std::array<u8, kLongestNoise> noise;
  random_.fill(std::as_writable_bytes(std::span(noise)));
  const std::size_t noise_size = std::min(kLongestNoise, packet.bytes.size() - kToken - 1);
  ngtcp2_cid id;
  ngtcp2_cid_init(&id, header.dcid, header.dcidlen);
  std::array<u8, kToken> token;
  reset_token(id, token.data());
  const MutableBytes room = out_.space();
  const ngtcp2_ssize written =
      ngtcp2_pkt_write_stateless_reset(data_of(room), room.size(), token.data(), noise.data(), noise_size);
  if (written <= 0) return;
  send_alone(packet.from, static_cast<std::size_t>(written));
  ++counters_.resets_sent;
}

}  // namespace drumline::transport
