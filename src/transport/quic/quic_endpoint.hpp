// What a QUIC server and a set of QUIC clients share: connections, their ids and
// timers, and the writing of packets. Sans-I/O: packets and `now` come in by
// calls, packets go out into an env::PacketBatch, and deadline() says when
// on_timer() is due. One thread. quic_endpoint.cpp: packets and timers;
// quic_endpoint_ends.cpp: how connections end.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/deadline_heap.hpp"
#include "base/log.hpp"
#include "env/network.hpp"
#include "env/random.hpp"
#include "transport/quic/connection_id.hpp"
#include "transport/quic/quic_connection.hpp"
#include "transport/quic/quic_counters.hpp"
#include "transport/quic/quic_settings.hpp"

namespace drumline::transport {

class Http3Link;

class QuicEndpoint {
 public:
  virtual ~QuicEndpoint();
  QuicEndpoint(const QuicEndpoint&) = delete;
  QuicEndpoint& operator=(const QuicEndpoint&) = delete;

  /// Packets that arrived on `local`. Calls the handler. Answers go out by flush().
  void receive(std::span<const env::ReceivedPacket> packets, const env::Address& local, TimeNs now);
  /// Due timers. May call the handler; writes what became due.
  void on_timer(TimeNs now);
  /// When on_timer() must be called; kNoDeadline when there is nothing to wait for.
  /// Never later than `now` while flush() has something to write.
  TimeNs deadline() const;
  /// Writes acknowledgements, reliable data and closes into the batch (which the
  /// caller then flushes to the socket). Calls on_close for sessions that end.
  void flush(TimeNs now);
  /// Tells the time to datagrams that are sent between the calls above.
  void advance(TimeNs now) { now_ = now > now_ ? now : now_; }
  /// Closes every session; the next flush() writes.
  void close_all(CloseCode code, std::string_view reason);

  const QuicCounters& counters() const { return counters_; }
  /// Connections that are alive, and those of them that are no session yet: in their handshake, or a
  /// browser's that has not asked for one.
  std::size_t connections() const { return connections_.size(); }
  std::size_t half_open() const { return half_open_; }
  const QuicSettings& settings() const { return settings_; }

 protected:
  friend class QuicConnection;
  friend class Http3Link;

  QuicEndpoint(QuicSettings settings, u8 shard, bool require_peer_certificate, env::Random& random,
               SessionHandler& handler, env::PacketBatch& out);

  /// A packet whose destination is no connection of ours.
  virtual void receive_unknown(const env::ReceivedPacket& packet, const env::Address& local,
                               const ngtcp2_version_cid& header) = 0;
  /// A packet whose version is not served.
  virtual void receive_other_version(const env::ReceivedPacket& packet, const ngtcp2_version_cid& header) = 0;
  /// A packet of a connection that is still in its handshake. True: it is kept for later, and comes
  /// again by receive_again().
  virtual bool defer(const env::ReceivedPacket&, const env::Address& /*local*/) { return false; }
  void receive_again(const env::ReceivedPacket& packet, const env::Address& local, TimeNs now);
  virtual void reset_token(const ngtcp2_cid& id, u8* token) = 0;
  /// The handshake is complete, and TLS still there.
  virtual void completed(QuicConnection&) {}

  bool requires_peer_certificate() const { return require_peer_certificate_; }
  ngtcp2_settings transport_settings() const;
  ngtcp2_transport_params transport_params() const;
  QuicConnection& adopt(std::unique_ptr<QuicConnection> connection);
  void read(QuicConnection& connection, const env::ReceivedPacket& packet, const env::Address& local);

  void mark_dirty(QuicConnection& connection);
  void mark_for_writing(QuicConnection& connection);
  void commit(QuicConnection& connection, std::size_t size, u8 ecn);
  void send_alone(const env::Address& to, std::size_t size);
  void drop(PacketDrop reason) { ++counters_.packets_dropped[static_cast<std::size_t>(reason)]; }
  bool issue_id(QuicConnection& connection, ngtcp2_cid& id, u8* token);
  void add_id(QuicConnection& connection, LocalId id);
  void retire_id(QuicConnection& connection, LocalId id);
  void add_initial_id(QuicConnection& connection, const InitialId& id);
  void note_reset_token(QuicConnection& connection, const u8* token, bool active);
  QuicConnection* find_by_reset_token(Bytes packet) const;
  void opened(QuicConnection& connection);

  QuicSettings settings_;
  u8 shard_;
  bool require_peer_certificate_;
  env::Random& random_;
  SessionHandler& handler_;
  env::PacketBatch& out_;
  TimeNs now_ = 0;
  QuicCounters counters_;
  QuicPath out_path_;
  LogLimiter log_limiter_{5};

 private:
  using ResetToken = std::array<u8, NGTCP2_STATELESS_RESET_TOKENLEN>;
  /// What is left of a closed connection for kClosedNs: enough to answer late packets.
  struct Remains {
    std::vector<LocalId> ids;
    std::optional<InitialId> initial_id;
    std::vector<std::byte> farewell;  ///< the CONNECTION_CLOSE packet; empty when the peer closed
    env::Address to;
    TimeNs until = 0;
    u32 packets_seen = 0;
  };
  struct Ending {
    CloseCode code = CloseCode::internal;
    std::string reason;
    HandshakeFailure failure = HandshakeFailure::protocol;  ///< when it was still in its handshake
  };
  // RFC 9000, section 10.2 asks for three probe timeouts: this is three of one second.
  static constexpr i64 kClosedNs = 3 * kSecondNs;
  static constexpr std::size_t kMaxRemains = 16384;

  QuicConnection* find_established(Bytes packet) const;
  void receive_any(const env::ReceivedPacket& packet, const env::Address& local);
  void settle(QuicConnection& connection);
  void service(QuicConnection& connection);
  /// No timer of it matters before acknowledge_hold_ns after the last write.
  bool may_hold(const QuicConnection& connection) const;
  /// When to look at its timers again: a time at which something is due, or an earlier one.
  TimeNs due(const QuicConnection& connection) const;
  void reschedule(QuicConnection& connection);
  void fail(QuicConnection& connection, int error);
  Ending ending_from_peer(const QuicConnection& connection) const;
  void close_now(QuicConnection& connection, const ngtcp2_ccerr& error, Ending ending);
  void end(QuicConnection& connection, Ending ending, Bytes farewell, bool keep_remains);
  void answer_closed(Remains& remains, const env::ReceivedPacket& packet);
  void forget_remains();
  void bury();

  std::vector<std::unique_ptr<QuicConnection>> connections_;
  std::vector<std::unique_ptr<QuicConnection>> ended_;  ///< freed when no call is on the stack
  std::unordered_map<LocalId, QuicConnection*> by_id_;
  // Ordered: the keys are the peer's choice, and must not be able to collide.
  std::map<InitialId, QuicConnection*> by_initial_id_;
  std::map<ResetToken, QuicConnection*> by_reset_token_;
  std::unordered_map<LocalId, Remains*> closed_by_id_;
  std::map<InitialId, Remains*> closed_by_initial_id_;
  std::deque<std::unique_ptr<Remains>> remains_;  ///< oldest first
  DeadlineHeap<QuicConnection> deadlines_;
  std::vector<QuicConnection*> dirty_;
  std::vector<QuicConnection*> flushing_;
  std::size_t half_open_ = 0;
  u64 flows_ = 0;
  u32 depth_ = 0;
};

}  // namespace drumline::transport
