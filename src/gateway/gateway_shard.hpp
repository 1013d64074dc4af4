// One gateway shard: the sessions of one I/O thread. Takes what transports hear
// and turns it into battle inputs; takes durable battle frames and turns each
// into one datagram a client. Owns no socket and no thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/ticket.hpp"
#include "base/counter.hpp"
#include "base/log.hpp"
#include "battle/descriptor.hpp"
#include "battle/inbound.hpp"
#include "battle/notices.hpp"
#include "broadcast/cell_cache.hpp"
#include "broadcast/client_view.hpp"
#include "env/clock.hpp"
#include "gateway/gateway_session.hpp"
#include "gateway/members.hpp"
#include "gateway/roster.hpp"
#include "transport/session.hpp"
#include "wire/messages.hpp"

namespace drumline::gateway {

struct GatewayOptions {
  u8 shard = 0;
  u32 max_sessions = 4096;
  u32 commands_per_second = 120;
  u32 command_burst = 60;
  u32 datagram_budget_bytes = 1100;
  u32 spectator_budget_bytes = 12000;
  u32 spectator_period_ticks = 3;
  broadcast::InterestSettings interest;
  i64 greeting_timeout_ns = 5 * kSecondNs;
  i64 ticket_lifetime_ns = 10 * 60 * kSecondNs;
};

/// Counted on the shard's thread, read by any.
struct GatewayCounters {
  Counter sessions_opened, sessions_closed;
  Gauge sessions, players, spectators;
  Counter commands_received, commands_forwarded, commands_repeated;
  Counter commands_malformed, commands_limited, ring_full;
  Counter frames_malformed, messages_malformed;
  Counter hellos_refused;
  Counter closed_flood, closed_bad, closed_idle;
  Counter client_frames_sent, client_frames_dropped, client_frame_bytes;
  Counter battle_frames, battle_frames_malformed, laps;
};

/// The frames of a battle reach the shard through deliver(); its inputs leave by `inbound`.
struct BattleLink {
  std::shared_ptr<const battle::BattleDescriptor> descriptor;  ///< shared by all shards, immutable
  battle::InboundRing* inbound = nullptr;                      ///< this shard is its only producer
};

/// One thread.
class GatewayShard final : public transport::SessionHandler {
 public:
  GatewayShard(const GatewayOptions& options, const auth::TicketSealer& tickets, const env::Clock& clock);
  ~GatewayShard() override;

  void add_battle(BattleLink link);

  void on_open(transport::Session& session) override;
  void on_reliable(transport::Session& session, Bytes bytes) override;
  void on_datagram(transport::Session& session, Bytes payload) override;
  void on_close(transport::Session& session, transport::CloseCode code, std::string_view reason) override;

  /// One durable battle frame: tells its notices and sends each client of that
  /// battle what it needs of it.
  void deliver(Bytes battle_frame);
  /// The frame ring overtook this shard: what it missed cannot be known, so its
  /// sessions are closed and come back by their tokens.
  void on_lapped();
  /// Ends sessions that did not greet in time; sends the roster changes gathered.
  void on_timer(TimeNs now);
  /// When on_timer wants to be called next.
  TimeNs deadline() const { return next_timer_; }
  /// Says goodbye to everybody and closes.
  void close_all(transport::CloseCode code, std::string_view reason, u32 retry_after_ms);

  const GatewayCounters& counters() const { return counters_; }

 private:
  struct Battle;

  GatewaySession* find(const transport::Session& session);
  GatewaySession* find(SessionId id);
  void on_payload(GatewaySession& session, Bytes payload);
  void on_command(GatewaySession& session, Bytes payload);
  void on_message(GatewaySession& session, Bytes payload);
  void on_hello(GatewaySession& session, const wire::Hello& hello);
  void resume(GatewaySession& session, Battle& battle, const wire::Hello& hello);
  bool forward(Battle& battle, const battle::Inbound& inbound);
  void refuse_hello(GatewaySession& session, transport::CloseCode code, const std::string& reason);
  void send(GatewaySession& session, const wire::ServerMessage& message);
  void say_goodbye(GatewaySession& session, transport::CloseCode code, const std::string& reason,
                   u32 retry_after_ms);
  void welcome(GatewaySession& session, Battle& battle, Tick tick, u32 seat_generation, bool resumed);
  void on_notice(Battle& battle, SessionId to, const battle::Notice& notice, Tick tick);
  void send_states(Battle& battle, Tick tick);
  void release(GatewaySession& session);

  GatewayOptions options_;
  const auth::TicketSealer& tickets_;
  const env::Clock& clock_;
  broadcast::InterestPlan interest_;
  GatewayCounters counters_;
  LogLimiter log_limit_{10};
  std::vector<std::optional<GatewaySession>> sessions_;  ///< by session index
  std::vector<u32> generations_;                         ///< by session index; outlives the session
  std::vector<u32> free_;
  std::vector<std::unique_ptr<Battle>> battles_;
  std::vector<std::byte> message_;   ///< scratch for one reliable message
  std::vector<std::byte> datagram_;  ///< scratch for one state frame
  TimeNs next_timer_ = 0;
};

}  // namespace drumline::gateway
