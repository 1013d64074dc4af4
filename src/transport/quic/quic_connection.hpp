// One QUIC connection as a Session: ngtcp2's connection, the reliable stream's
// outgoing bytes, and the TLS handshake while it lasts. Owned by a QuicEndpoint.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ngtcp2/ngtcp2.h>

#include "base/deadline_heap.hpp"
#include "transport/quic/connection_id.hpp"
#include "transport/quic/quic_address.hpp"
#include "transport/quic/send_buffer.hpp"
#include "transport/quic/tls_handshake.hpp"
#include "transport/session.hpp"

namespace drumline::transport {

class QuicEndpoint;
class Http3Link;
struct WebTransportOptions;

class QuicConnection final : public Session, public DeadlineSlot {
 public:
  QuicConnection(QuicEndpoint& owner, bool server);
  ~QuicConnection() override;
  QuicConnection(const QuicConnection&) = delete;
  QuicConnection& operator=(const QuicConnection&) = delete;

  TransportKind kind() const override { return http3_ ? TransportKind::webtransport : TransportKind::quic; }
  const PeerIdentity& identity() const override { return identity_; }
  env::Address peer() const override { return peer_; }
  std::size_t max_datagram_bytes() const override { return max_datagram_bytes_; }
  /// Builds and commits the packet at once. Inside a SessionHandler call for this
  /// same session it is copied and sent when the call has returned.
  bool send_datagram(Bytes payload) override;
  bool send_reliable(Bytes bytes) override;
  bool send_early(Bytes bytes) override;
  /// Takes effect in the next flush() or on_timer() of the endpoint.
  void close(CloseCode code, std::string_view reason) override;
  void prefetch() const override;

  bool is_open() const { return state_ == State::open && !closing_; }

 private:
  friend class QuicEndpoint;
  friend class QuicServer;
  friend class QuicClients;
  friend class Http3Link;

  enum class State : u8 { handshaking, open, closed };
  struct Closing {
    CloseCode code;
    std::string reason;
    TimeNs until;  ///< the reliable stream has so long to be acknowledged
  };
  /// What a client sent before it had proven that it is there.
  struct Early {
    std::vector<std::byte> held;  ///< for on_reliable
    bool told = false;            ///< the handler knows of the session
  };
  static constexpr std::size_t kDeferredDatagrams = 16;
  static constexpr i64 kNoProgressNs = kSecondNs;
  static constexpr std::size_t kMaxEarlyBytes = 4096;  ///< a Hello and some pings are a few hundred

  Result<void> start_tls(const std::shared_ptr<const TlsCredentials>& credentials,
                         TlsHandshake::Options options);
  static ngtcp2_callbacks server_callbacks();
  static ngtcp2_callbacks client_callbacks();
  static ngtcp2_conn* conn_of(ngtcp2_crypto_conn_ref* ref);

  int on_handshake_completed();
  int on_handshake_confirmed();
  int on_stream_data(i64 stream, Bytes data, bool end);
  void on_early_data(Bytes data);
  /// Of a peer that speaks HTTP/3, before its handshake is complete: its requests change something.
  bool refuses_early_data();
  void start_client_stream();
  /// What the peer's transport parameters mean for what we send.
  void learn_limits();
  int on_datagram(Bytes data);
  bool open();
  void tell_open();
  /// The handler may send: the session is open, or has begun to speak early.
  bool may_send() const {
    return !closing_ && (state_ == State::open || (state_ == State::handshaking && early_ && early_->told));
  }
  /// Of a server's connection in its handshake: the peer is a browser. Its limits are sent in
  /// this handshake yet.
  void speak_http3(const WebTransportOptions& options);
  /// All that was to be sent reliably has arrived.
  bool all_acknowledged() const;
  /// The browser has not asked for its session, and may yet.
  bool awaits_session() const { return http3_ && state_ == State::open && !told_open_ && !closing_; }
  bool write_datagram(Bytes payload);
  /// For the next packet: no more than the path is known to carry.
  MutableBytes room();
  void notice_narrow_path();
  /// Asks for what reading a packet is going to touch first.
  void prefetch_head() const;
  /// Writes whatever ngtcp2 and the reliable stream have; false on a fatal error in `error_`.
  bool write_pending();

  QuicEndpoint& owner_;
  ngtcp2_conn* conn_ = nullptr;
  std::size_t conn_bytes_ = 0;  ///< its size, as the allocator tells it: ngtcp2 does not
  std::unique_ptr<TlsHandshake> tls_;
  std::unique_ptr<Http3Link> http3_;  ///< null: a native peer
  std::unique_ptr<Early> early_;      ///< server, until it is open
  PeerIdentity identity_;
  env::Address peer_;
  sockaddr_in6 peer_sockaddr_{};
  SendBuffer send_buffer_;
  std::vector<LocalId> ids_;
  std::optional<InitialId> initial_id_;
  std::vector<std::array<u8, NGTCP2_STATELESS_RESET_TOKENLEN>>
      reset_tokens_;  ///< the peer's, for its live ids
  std::vector<std::vector<std::byte>> deferred_datagrams_;
  std::unique_ptr<Closing> closing_;
  std::size_t max_datagram_bytes_ = 0;
  u64 handshake_bytes_received_ = 0;
  u64 handshake_bytes_sent_ = 0;
  i64 reliable_stream_ = 0;  ///< a native client's first; of a browser, −1 until it has one
  TimeNs last_write_ = 0;
  TimeNs progress_at_ = 0;                ///< reliable bytes were acknowledged, or none were on their way
  TimeNs open_by_ = 0;                    ///< the handshake's end, or it has failed
  u64 flow_ = 0;                          ///< its packets' order, for the batch
  i64 shortest_probe_ns_ = 0;             ///< from a packet of ours to its probe timer, at the least
  std::size_t unacknowledged_bytes_ = 0;  ///< received since, which a packet of ours would acknowledge
  u32 unacknowledged_packets_ = 0;        ///< in so many packets
  int error_ = 0;
  u32 table_index_ = 0;
  u32 dirty_index_ = 0;
  State state_ = State::handshaking;
  bool server_;
  bool told_open_ = false;
  bool narrow_ = false;      ///< what probes had found the path no longer carries
  bool early_data_ = false;  ///< client: may be sent in this handshake
  bool in_callback_ = false;
  bool dirty_ = false;             ///< flush() has something to do for it …
  bool wants_write_ = false;       ///< … and more than to look at its timers
  bool prompt_ = false;            ///< what was read wants an answer at once
  bool acknowledge_soon_ = false;  ///< reliable bytes came: no hold until ngtcp2's own timer has fired
  bool stream_exists_ = false;
  bool stream_announced_ = false;
  bool stream_blocked_ = false;
  bool reset_by_peer_ = false;
  bool peer_past_initial_ = false;  ///< it has sent Handshake packets, so it opens no Initial ones any more
};

}  // namespace drumline::transport
