// One gateway shard: the sessions of one I/O thread. Takes what transports hear and
// turns it into battle inputs; takes durable battle frames and turns each into one
// datagram a client. Owns no socket and no thread.
//
// gateway_shard.cpp: sessions come and go. early.cpp: what is said before the handshake is complete.
// greeting.cpp: who gets into which battle.
// commands.cpp: what clients say. delivery.cpp: what battles say. renewal.cpp: battles that
// were brought back, or ended, with the process that they ran in.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "auth/ticket.hpp"
#include "base/counter.hpp"
#include "base/log.hpp"
#include "battle/directory.hpp"
#include "battle/notices.hpp"
#include "battle/overload_ladder.hpp"
#include "env/clock.hpp"
#include "gateway/battle_feed.hpp"
#include "gateway/gateway_session.hpp"
#include "transport/credentials/revocations.hpp"
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
  bool send_tiers = false;            ///< players with nobody near are sent to less often
  u32 crowded_interest_percent = 60;  ///< of it, from Rung::smaller_interest on
  u32 crowded_send_period = 2;        ///< likewise: a player is sent to so many times less often
  i64 greeting_timeout_ns = 5 * kSecondNs;
  i64 outside_timeout_ns = 60 * kSecondNs;  ///< a session may be so long between two battles
  i64 ticket_lifetime_ns = 10 * 60 * kSecondNs;
  u32 max_state_uploads = 4;  ///< of clients' own states after desyncs, at a time
};

/// Counted on the shard's thread, read by any.
struct GatewayCounters {
  Counter sessions_opened, sessions_closed;
  Gauge sessions, players, spectators;
  Counter commands_received, commands_forwarded, commands_repeated;
  Counter commands_malformed, commands_limited, ring_full;
  Counter frames_malformed, messages_malformed;
  Counter hellos_refused, hellos_refused_overloaded;
  Counter early_sights;    ///< of seats, shown before their owners had proven that they are there
  Counter visits;          ///< further battles that sessions went on to
  Counter commands_stale;  ///< for a battle that the session has left
  Counter closed_flood, closed_bad, closed_idle;
  Counter closed_revoked;  ///< their certificate was revoked while they were open
  Counter closed_outside;  ///< too long between two battles
  Counter client_frames_sent, client_frames_dropped, client_frame_bytes;
  Counter client_frames_skipped;  ///< a newer one was there already
  Counter battle_frames, battle_frames_malformed, laps;
  Counter desyncs;            ///< clients in lockstep that said another state hash
  Counter lockstep_restarts;  ///< states sent anew: after desyncs, and to clients that fell behind
  Counter sync_acks_unknown;  ///< of ticks that were never sent, or are long over
};

/// What a shard needs of the node; all of it outlives the shard.
struct GatewayLinks {
  battle::BattleDirectory* directory = nullptr;
  std::span<battle::InboundRing* const> inbound;  ///< to each battle shard; this shard is their only producer
  /// A player seeks a battle of that game ("": any), and none has room. One is made, unless
  /// it cannot be: not_found (no such game is served here), exhausted (no further battle
  /// may run). Any thread may call it.
  std::function<Result<void>(const std::string& game)> want_battle;
  const battle::OverloadState* overload = nullptr;  ///< null: there is always time
  DesyncSink on_desync;
  /// Certificates whose sessions are to end; another object when there are others. Asked a few times a
  /// second. Empty: none ever are.
  std::function<std::shared_ptr<const transport::Revocations>()> revocations;
};

/// One thread.
class GatewayShard final : public transport::SessionHandler {
 public:
  GatewayShard(const GatewayOptions& options, GatewayLinks links, const auth::TicketSealer& tickets,
               const env::Clock& clock);
  ~GatewayShard() override;

  void on_early(transport::Session& session, Bytes bytes) override;
  void on_open(transport::Session& session) override;
  void on_reliable(transport::Session& session, Bytes bytes) override;
  void on_datagram(transport::Session& session, Bytes payload) override;
  void on_close(transport::Session& session, transport::CloseCode code, std::string_view reason) override;

  /// One durable battle frame: tells its notices and sends each client of that
  /// battle what it needs of it. An `outdated` one is followed by newer ones that are here
  /// already: clients are sent those alone.
  void deliver(Bytes battle_frame, bool outdated = false);
  /// The frame ring overtook this shard: what it missed cannot be known, so its
  /// sessions are closed and come back by their tokens.
  void on_lapped();
  /// Seats those who waited for a battle that has come; cheap when none has.
  void on_battles_changed();
  /// Ends sessions that did not greet in time; sends the roster changes gathered.
  void on_timer(TimeNs now);
  /// When on_timer wants to be called next.
  TimeNs deadline() const { return next_timer_; }
  /// Says goodbye to everybody and closes.
  void close_all(transport::CloseCode code, std::string_view reason, u32 retry_after_ms);

  const GatewayCounters& counters() const { return counters_; }

 private:
  // gateway_shard.cpp
  GatewaySession* take_in(transport::Session& session);
  GatewaySession* find(const transport::Session& session);
  GatewaySession* find(SessionId id);
  BattleFeed* find_feed(BattleId id);
  BattleFeed& feed_of(const battle::BattleDirectory::Entry& entry);
  bool forward(BattleFeed& feed, const battle::Inbound& inbound);
  void forward(GatewaySession& session, battle::Inbound::Kind kind);
  enum class Departure : u8 { drop, leave };
  void take_out(GatewaySession& session, Departure how);
  void step_outside(GatewaySession& session);
  void release(GatewaySession& session);
  void release_claim(GatewaySession& session);
  void forget_unused_feeds();
  void on_deadline(GatewaySession& session);
  void end_revoked();
  bool is_revoked(const transport::Session& session) const;
  void send(GatewaySession& session, const wire::ServerMessage& message);
  void say_goodbye(GatewaySession& session, transport::CloseCode code, const std::string& reason,
                   u32 retry_after_ms);

  // early.cpp
  void on_early_payload(GatewaySession& session, Bytes payload);
  void show_seat(GatewaySession& session, const wire::Hello& hello);
  void start_over(GatewaySession& session);

  // greeting.cpp
  void on_hello(GatewaySession& session, const wire::Hello& hello);
  std::optional<BattleId> wanted_battle(GatewaySession& session, const wire::Hello& hello);
  bool find_battle(GatewaySession& session, const wire::Hello& hello);
  void wait_for_battle(GatewaySession& session, const wire::Hello& hello);
  void enter(GatewaySession& session, const wire::Hello& hello);
  void join(GatewaySession& session, const wire::Hello& hello);
  void resume(GatewaySession& session, const wire::Hello& hello);
  bool may_greet(GatewaySession& session);
  void refuse_hello(GatewaySession& session, transport::CloseCode code, const std::string& reason,
                    u32 retry_after_ms = 0);
  void admit(GatewaySession& session, Tick tick, u32 seat_generation, bool resumed);
  void welcome(GatewaySession& session, Tick tick, u32 seat_generation, bool resumed);

  // commands.cpp
  void on_payload(GatewaySession& session, Bytes payload);
  void on_command(GatewaySession& session, Bytes payload);
  void on_acknowledgements(GatewaySession& session, const wire::CommandAcks& acks);
  bool within_limits(GatewaySession& session, TimeNs now);
  void on_message(GatewaySession& session, Bytes payload);
  void on_leave(GatewaySession& session);
  void on_desync(GatewaySession& session, Tick tick, u64 hash, u64 expected);
  void on_state_part(GatewaySession& session, const wire::StatePart& part);
  void restart_lockstep(GatewaySession& session);
  void finish_upload(GatewaySession& session);

  // delivery.cpp
  void on_notice(BattleFeed& feed, SessionId to, const battle::Notice& notice, Tick tick);
  void tell_members(const BattleFeed& feed, const wire::ServerMessage& message);
  void on_granted(BattleFeed& feed, SessionId to, const battle::SeatGranted& granted, Tick tick);
  void on_state(GatewaySession& session, const battle::StatePart& part);
  void send_to_members(BattleFeed& feed);
  void skip_members(const BattleFeed& feed);
  void follow_overload();
  /// The overload ladder is there or above, and that rung is used.
  bool stands_on(battle::Rung rung) const {
    return rung_ >= rung && links_.overload->allowed[static_cast<u8>(rung)];
  }
  const broadcast::InterestPlan& plan_of_rung() const;
  std::size_t assemble(GatewaySession& session, Tick tick);
  u32 send_period_of(const GatewaySession& session) const;
  u32 turns_of(const GatewaySession& session) const;
  bool is_due(const GatewaySession& session, Tick tick) const;
  void send_large_ticks(GatewaySession& session, std::size_t budget);
  void leave_ended(GatewaySession& session, wire::EndCause cause);
  void end_battle(BattleFeed& feed);

  // renewal.cpp
  void renew_feeds();
  void renew(BattleFeed& feed, battle::BattleDirectory::Entry entry);
  void seek_again(GatewaySession& session);

  GatewayOptions options_;
  GatewayLinks links_;
  const auth::TicketSealer& tickets_;
  const env::Clock& clock_;
  broadcast::InterestPlan normal_plan_, lower_plan_, smaller_plan_;  ///< by rung of the overload ladder
  const broadcast::InterestPlan* plan_ = &normal_plan_;
  battle::Rung rung_ = battle::Rung::normal;
  GatewayCounters counters_;
  LogLimiter log_limit_{10};
  std::vector<std::optional<GatewaySession>> sessions_;  ///< by session index
  std::vector<u32> generations_;                         ///< by session index; outlives the session
  std::vector<u32> free_;
  std::map<env::Address, u32> sessions_behind_;  ///< an address, as it was when they came
  std::unordered_map<BattleId, std::unique_ptr<BattleFeed>> feeds_;
  u64 directory_version_ = 0;
  u64 directory_renewals_ = 0;
  u32 waiting_ = 0;  ///< sessions that wait for a battle to be made
  u32 uploads_ = 0;
  std::vector<std::byte> message_;                             ///< scratch for one reliable message
  std::vector<std::byte> datagram_;                            ///< scratch for one state frame
  std::shared_ptr<const transport::Revocations> revocations_;  ///< as last asked for
  DeadlineHeap<GatewaySession> deadlines_;
  TimeNs next_timer_ = 0;
  TimeNs next_feed_round_ = 0;
};

}  // namespace drumline::gateway
