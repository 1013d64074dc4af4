// The server's end of QUIC (RFC 9000, 9001, 9221): accepts connections whose
// clients prove themselves by certificate, and gives each as a Session.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "transport/credentials/ticket_keys.hpp"
#include "transport/quic/quic_endpoint.hpp"
#include "transport/quic/session_tickets.hpp"
#include "transport/quic/tls_credentials.hpp"
#include "transport/webtransport/connect.hpp"

namespace drumline::transport {

/// Spoken here: version 1 (RFC 9000) and version 2 (RFC 9369).
inline constexpr std::array<u32, 2> kQuicVersions{NGTCP2_PROTO_VER_V1, NGTCP2_PROTO_VER_V2};

struct QuicServerOptions {
  /// Browsers are served too, on the same port: told apart by ALPN, let in by token.
  std::optional<WebTransportOptions> webtransport;
  TlsFiles tls;
  bool require_client_certificate = true;
  /// Asked at each handshake, so that certificates can change while the server runs; empty: those of
  /// `tls`, as they were at first.
  std::function<std::shared_ptr<const TlsCredentials>()> credentials;
  QuicSettings settings;
  u8 shard = 0;  ///< first byte of our connection ids
  std::size_t max_connections = 10'000;
  /// With so many handshakes under way, a client must first prove its address by Retry …
  std::size_t retry_threshold = 128;
  /// … and with so many, its packets are dropped. Those that wait count as under way.
  std::size_t max_half_open = 2'048;
  /// Packets of handshakes wait for handshake_one(), so many at most, instead of being dealt with when
  /// they come: one costs as much as hundreds of datagrams. 0: they do not wait.
  std::size_t max_waiting_packets = 0;
  i64 retry_token_lifetime_ns = 10 * kSecondNs;
  /// What makes a client's next handshake short, here and at every server with the same keys; null: all
  /// are full ones.
  std::shared_ptr<const TicketKeys> ticket_keys;
  bool early_data = true;  ///< SessionHandler::on_early is told of what comes with the first packets
  /// Resets, Retries, refusals and version replies at most, each second.
  u32 stateless_replies_per_second = 20'000;
};

class QuicServer final : public QuicEndpoint {
 public:
  /// Reads the certificates. `random` must be fit for keys; all references outlive the server.
  static Result<std::unique_ptr<QuicServer>> create(const QuicServerOptions& options, env::Random& random,
                                                    SessionHandler& handler, env::PacketBatch& out);

  /// Deals with the packet that has waited longest; false when there is none. May call the handler.
  bool handshake_one(TimeNs now);
  std::size_t waiting() const { return waiting_.size(); }

  /// Stops accepting new connections; those that exist go on.
  void stop_accepting() { accepting_ = false; }

 private:
  QuicServer(const QuicServerOptions& options, std::shared_ptr<const TlsCredentials> credentials,
             env::Random& random, SessionHandler& handler, env::PacketBatch& out);

  void receive_unknown(const env::ReceivedPacket& packet, const env::Address& local,
                       const ngtcp2_version_cid& header) override;
  void receive_other_version(const env::ReceivedPacket& packet, const ngtcp2_version_cid& header) override;
  void reset_token(const ngtcp2_cid& id, u8* token) override;

  void completed(QuicConnection& connection) override;
  bool defer(const env::ReceivedPacket& packet, const env::Address& local) override;
  void receive_initial(const env::ReceivedPacket& packet, const env::Address& local,
                       const ngtcp2_pkt_hd& header);
  std::size_t under_way() const { return half_open() + waiting_to_open_; }
  bool keep_waiting(const env::ReceivedPacket& packet, const env::Address& local, bool opens);
  enum class AddressProof : u8 { none, retry, earlier_session };
  void accept(const env::ReceivedPacket& packet, const env::Address& local, const ngtcp2_pkt_hd& header,
              AddressProof proof, const ngtcp2_cid& original_id);
  bool proves_address(const env::ReceivedPacket& packet, const ngtcp2_pkt_hd& header) const;
  std::shared_ptr<const TlsCredentials> credentials_in_use() const;
  std::shared_ptr<SessionTickets> tickets_under(const std::shared_ptr<const TlsCredentials>& credentials);
  void send_retry(const env::ReceivedPacket& packet, const ngtcp2_pkt_hd& header);
  void refuse(const env::ReceivedPacket& packet, const ngtcp2_pkt_hd& header, u64 error);
  void send_reset(const env::ReceivedPacket& packet, const ngtcp2_version_cid& header);
  bool may_reply();

  QuicServerOptions options_;
  std::shared_ptr<const TlsCredentials> credentials_;
  std::array<u8, 32> reset_secret_;
  std::array<u8, 32> retry_secret_;
  std::array<u8, 32> address_secret_;
  ngtcp2_callbacks callbacks_;
  std::string tickets_binding_;
  std::shared_ptr<SessionTickets> tickets_;
  struct WaitingPacket {
    env::Address from;
    env::Address local;
    u8 ecn = 0;
    bool opens = false;  ///< it may make a connection
    std::vector<std::byte> bytes;
  };
  std::deque<WaitingPacket> waiting_;
  std::size_t waiting_to_open_ = 0;
  bool handshaking_one_ = false;
  bool accepting_ = true;
  TimeNs reply_second_ = -1;
  u32 replies_left_ = 0;
};

}  // namespace drumline::transport
