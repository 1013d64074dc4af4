#include "transport/quic/quic_client.hpp"

#include <utility>

namespace drumline::transport {

namespace {
// Longer than ours: nobody but us may guess the id that protects the first packets.
constexpr std::size_t kFirstIdBytes = 16;
}  // namespace

QuicClients::QuicClients(const QuicSettings& settings, env::Random& random, SessionHandler& handler,
                         env::PacketBatch& out)
    : QuicEndpoint(settings, 0, false, random, handler, out),
      callbacks_(QuicConnection::client_callbacks()) {}

Result<Session*> QuicClients::connect(const env::Address& server, const env::Address& local,
                                      const ClientOptions& options, TimeNs now) {
  advance(now);
  if (!options.credentials) return Error{ErrorCode::invalid_argument, "a QUIC client needs credentials"};
  ngtcp2_settings settings = transport_settings();
  ngtcp2_transport_params params = transport_params();
  params.initial_max_streams_bidi = 0;
  std::vector<std::byte> address_token;
  if (options.resumption) {
    // Used once: the same again would tell onlookers that this is the same client.
    address_token = std::exchange(options.resumption->address_token, {});
    settings.token = reinterpret_cast<const u8*>(address_token.data());
    settings.tokenlen = address_token.size();
    if (!address_token.empty()) settings.token_type = NGTCP2_TOKEN_TYPE_NEW_TOKEN;
  }
  std::array<u8, kFirstIdBytes> first;
  random_.fill(std::as_writable_bytes(std::span(first)));
  ngtcp2_cid destination;
  ngtcp2_cid_init(&destination, first.data(), first.size());
  ngtcp2_cid source;
  make_connection_id(source, static_cast<u8>(random_.next_u64()), random_);

  auto made = std::make_unique<QuicConnection>(*this, false);
  QuicPath path(local, server);
  if (ngtcp2_conn_client_new(&made->conn_, &destination, &source, path.get(), NGTCP2_PROTO_VER_V1,
                             &callbacks_, &settings, &params, nullptr, made.get()) != 0) {
    return Error{ErrorCode::internal, "QUIC client: out of memory"};
  }
  TlsHandshake::Options tls;
  tls.server_name = options.server_name;
  tls.alpn = settings_.alpn;
  tls.resumption = options.resumption;
  if (options.early_data && options.resumption && !options.resumption->session.empty()) {
    const auto& limits = options.resumption->transport_parameters;
    made->early_data_ = ngtcp2_conn_decode_and_set_0rtt_transport_params(
                            made->conn_, reinterpret_cast<const u8*>(limits.data()), limits.size()) == 0;
    tls.early_data = made->early_data_;
  }
  if (auto started = made->start_tls(options.credentials, std::move(tls)); !started) {
    return std::move(started).error();
  }
  made->peer_ = server;
  made->context = options.context;
  QuicConnection& connection = adopt(std::move(made));
  add_id(connection, local_id(source.data));
  return static_cast<Session*>(&connection);
}

bool QuicClients::update_keys(Session& session, TimeNs now) {
  auto& connection = static_cast<QuicConnection&>(session);
  return connection.is_open() &&
         ngtcp2_conn_initiate_key_update(connection.conn_, static_cast<ngtcp2_tstamp>(now)) == 0;
}

void QuicClients::receive_unknown(const env::ReceivedPacket& packet, const env::Address& local,
                                  const ngtcp2_version_cid& header) {
  // A server that has lost the connection answers with a reset, whose id is noise.
  if (header.version == 0) {
    if (QuicConnection* connection = find_by_reset_token(packet.bytes)) {
      read(*connection, packet, local);
      return;
    }
  }
  drop(header.version == 0 ? PacketDrop::unknown_connection : PacketDrop::not_initial);
}

void QuicClients::receive_other_version(const env::ReceivedPacket&, const ngtcp2_version_cid&) {
  drop(PacketDrop::malformed);
}

void QuicClients::reset_token(const ngtcp2_cid&, u8* token) {
  // We keep no secret: a client that has restarted has nothing to say about old connections.
  random_.fill({reinterpret_cast<std::byte*>(token), NGTCP2_STATELESS_RESET_TOKENLEN});
}

}  // namespace drumline::transport
