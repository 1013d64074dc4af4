#include "gateway/gateway_shard.hpp"

#include <algorithm>

namespace drumline::gateway {
namespace {

using transport::CloseCode;

/// Roster changes go out, and greetings are timed, this often.
constexpr i64 kTimerPeriodNs = 250 * kMillisecondNs;
/// Hellos of one session, a second and at once: wire::kVisits of them must take longer than a datagram.
constexpr u32 kHellosPerSecond = 2;
constexpr u32 kHelloBurst = 8;
/// What is known of a battle is kept for so many rounds when nobody is in it.
constexpr i64 kFeedRoundNs = kSecondNs;
constexpr u32 kFeedRounds = 5;
/// As the handshake of such a certificate is answered.
constexpr const char* kRevoked = "the certificate is revoked";

}  // namespace

GatewayShard::GatewayShard(const GatewayOptions& options, GatewayLinks links,
                           const auth::TicketSealer& tickets, const env::Clock& clock)
    : options_(options),
      links_(std::move(links)),
      tickets_(tickets),
      clock_(clock),
      normal_plan_(options.interest),
      lower_plan_(broadcast::lower_tiers(options.interest)),
      smaller_plan_(broadcast::smaller_interest(broadcast::lower_tiers(options.interest),
                                                options.crowded_interest_percent)) {
  sessions_.resize(options_.max_sessions);
  generations_.resize(options_.max_sessions);
  free_.reserve(options_.max_sessions);
  for (u32 index = options_.max_sessions; index-- > 0;) free_.push_back(index);
  datagram_.resize(std::max(options_.datagram_budget_bytes, options_.spectator_budget_bytes));
}

GatewayShard::~GatewayShard() = default;

GatewaySession* GatewayShard::find(const transport::Session& session) {
  const auto index = static_cast<u32>(session.context);
  // The context is ours: 0 is a session that was refused in on_open.
  if (session.context == 0 || !sessions_[index - 1]) return nullptr;
  return &*sessions_[index - 1];
}

GatewaySession* GatewayShard::find(SessionId id) {
  const u32 index = session_index(id);
  if (index >= sessions_.size() || !sessions_[index] || sessions_[index]->id != id) return nullptr;
  return &*sessions_[index];
}

BattleFeed* GatewayShard::find_feed(BattleId id) {
  const auto found = feeds_.find(id);
  return found == feeds_.end() ? nullptr : found->second.get();
}

BattleFeed& GatewayShard::feed_of(const battle::BattleDirectory::Entry& entry) {
  auto& feed = feeds_[entry->descriptor->id];
  if (feed == nullptr) feed = std::make_unique<BattleFeed>(entry, *links_.inbound[entry->shard]);
  return *feed;
}

// ---- transports

void GatewayShard::on_open(transport::Session& session) {
  if (GatewaySession* const early = find(session); early != nullptr && early->early)
    start_over(*early);
  else
    take_in(session);
}

/// Null: it may not come in, and was told so.
GatewaySession* GatewayShard::take_in(transport::Session& session) {
  session.context = 0;
  if (free_.empty()) {
    session.close(CloseCode::battle_full, "this gateway has no room for another session");
    return nullptr;
  }
  // Its handshake may have begun before the list that is known here.
  if (is_revoked(session)) {
    counters_.closed_revoked.add();
    session.close(CloseCode::unauthenticated, kRevoked);
    return nullptr;
  }
  const u32 index = free_.back();
  free_.pop_back();
  const u32 generation = ++generations_[index] & 0xFF'FFFF;
  const TimeNs now = clock_.now();
  sessions_[index].emplace(make_session_id(options_.shard, generation, index), session,
                           wire::FrameReaderLimits{},
                           TokenBucket(options_.commands_per_second, options_.command_burst, now),
                           TokenBucket(kHellosPerSecond, kHelloBurst, now));
  deadlines_.set(*sessions_[index], now + options_.greeting_timeout_ns);
  sessions_[index]->behind = &*sessions_behind_.try_emplace(session.peer()).first;
  ++sessions_[index]->behind->second;
  session.context = u64{index} + 1;
  counters_.sessions_opened.add();
  counters_.sessions.add(1);
  return &*sessions_[index];
}

void GatewayShard::on_close(transport::Session& session, CloseCode, std::string_view) {
  GatewaySession* const found = find(session);
  if (found == nullptr) return;
  session.context = 0;
  release(*found);
  if (found->upload != nullptr) finish_upload(*found);
  deadlines_.remove(*found);
  const u32 index = session_index(found->id);
  if (--found->behind->second == 0) sessions_behind_.erase(found->behind->first);
  sessions_[index].reset();
  free_.push_back(index);
  counters_.sessions_closed.add();
  counters_.sessions.add(-1);
}

bool GatewayShard::forward(BattleFeed& feed, const battle::Inbound& inbound) {
  if (feed.forward(inbound)) return true;
  counters_.ring_full.add();
  return false;
}

/// What concerns the session itself, or its seat.
void GatewayShard::forward(GatewaySession& session, battle::Inbound::Kind kind) {
  battle::Inbound inbound;
  inbound.kind = kind;
  inbound.player = session.player;
  inbound.session = session.id;
  forward(*session.feed, inbound);
}

void GatewayShard::release_claim(GatewaySession& session) {
  if (!session.has_claim) return;
  session.has_claim = false;
  battle::BattleDirectory::release(session.feed->entry());
}

/// Takes a session out of its battle, or of the way into one. A dropped seat is kept for a while.
void GatewayShard::take_out(GatewaySession& session, Departure how) {
  release_claim(session);
  if (session.state == SessionState::waiting) --waiting_;
  if (is_in_battle(session.state)) {
    session.feed->members.remove(session_index(session.id));
    (session.state == SessionState::playing ? counters_.players : counters_.spectators).add(-1);
    if (session.lockstep != nullptr && !session.feed->ended) forward(session, battle::Inbound::Kind::unwatch);
    if (session.state == SessionState::playing && !session.feed->ended) {
      forward(session, how == Departure::leave ? battle::Inbound::Kind::leave : battle::Inbound::Kind::drop);
    }
    ++session.visits;
  }
  session.view.reset();
  session.lockstep.reset();
}

void GatewayShard::release(GatewaySession& session) {
  take_out(session, Departure::drop);
  session.state = SessionState::closing;
}

/// The session goes on without a battle. What is the battle's is forgotten; what bounds the
/// client, its buckets and its pause after a desync report, stays as it is.
void GatewayShard::step_outside(GatewaySession& session) {
  if (session.upload != nullptr) finish_upload(session);
  session.state = SessionState::outside;
  session.feed = nullptr;
  session.player = kNoPlayer;
  session.entity = {};
  session.highest_sequence = 0;
  session.hello = {};
  session.last_state_tick = 0;
  if (session.outside_since == 0) session.outside_since = clock_.now();
  deadlines_.set(session, session.outside_since + options_.outside_timeout_ns);
}

void GatewayShard::send(GatewaySession& session, const wire::ServerMessage& message) {
  message_.clear();
  wire::encode_message(message, message_);
  session.transport->send_reliable(message_);
}

void GatewayShard::say_goodbye(GatewaySession& session, CloseCode code, const std::string& reason,
                               u32 retry_after_ms) {
  send(session, wire::Goodbye{static_cast<u32>(code), reason, retry_after_ms});
  release(session);
  session.transport->close(code, reason);
}

void GatewayShard::on_lapped() {
  counters_.laps.add();
  log_error("gateway shard {} fell a whole frame ring behind; its sessions are closed and may reconnect",
            options_.shard);
  close_all(CloseCode::server_stopping, "the gateway fell behind; reconnect with the token", 100);
}

/// A feed costs work at every frame of its battle, and memory.
void GatewayShard::forget_unused_feeds() {
  for (const auto& [id, feed] : feeds_) ++feed->unused_rounds;
  for (const auto& session : sessions_) {
    if (session && session->feed != nullptr) session->feed->unused_rounds = 0;
  }
  std::erase_if(feeds_, [](const auto& each) { return each.second->unused_rounds >= kFeedRounds; });
}

bool GatewayShard::is_revoked(const transport::Session& session) const {
  return revocations_ != nullptr && revocations_->holds(session.identity().certificate);
}

/// A seat is kept for a while, as any that was dropped: whose key was stolen comes back with another.
void GatewayShard::end_revoked() {
  auto now = links_.revocations ? links_.revocations() : nullptr;
  if (now == revocations_) return;
  revocations_ = std::move(now);
  for (auto& session : sessions_) {
    if (!session || session->state == SessionState::closing || !is_revoked(*session->transport)) continue;
    counters_.closed_revoked.add();
    log_warning("a session from {} ends: the certificate of {} is revoked",
                session->transport->peer().to_string(), session->transport->identity().name);
    say_goodbye(*session, CloseCode::unauthenticated, kRevoked, 0);
  }
}

/// It has been for too long in a state that is not meant to last.
void GatewayShard::on_deadline(GatewaySession& session) {
  if (session.upload != nullptr) finish_upload(session);
  if (session.state == SessionState::greeting) {
    counters_.closed_idle.add();
    say_goodbye(session, CloseCode::idle, "no Hello came in time", 0);
  } else if (session.state == SessionState::outside) {
    counters_.closed_outside.add();
    say_goodbye(
        session, CloseCode::idle,
        "in no battle for longer than " + std::to_string(options_.outside_timeout_ns / kSecondNs) + " s", 0);
  } else if (session.state == SessionState::seating || session.state == SessionState::waiting) {
    if (session.outlives_battle) {
      refuse_hello(session, CloseCode::battle_full, "no battle gave a seat in time; try again");
      return;
    }
    counters_.closed_idle.add();
    say_goodbye(session, CloseCode::idle, "no battle gave a seat in time; try again", 1000);
  }
}

void GatewayShard::on_timer(TimeNs now) {
  next_timer_ = now + kTimerPeriodNs;
  if (now >= next_feed_round_) {
    next_feed_round_ = now + kFeedRoundNs;
    forget_unused_feeds();
  }
  end_revoked();
  while (deadlines_.next() <= now) {
    GatewaySession& session = deadlines_.top();
    deadlines_.remove(session);
    on_deadline(session);
  }
  for (const auto& [id, feed] : feeds_) {
    for (wire::Roster& changes : feed->roster.take_changes()) tell_members(*feed, std::move(changes));
  }
}

void GatewayShard::close_all(CloseCode code, std::string_view reason, u32 retry_after_ms) {
  for (auto& session : sessions_) {
    if (session && session->state != SessionState::closing) {
      say_goodbye(*session, code, std::string(reason), retry_after_ms);
    }
  }
}

}  // namespace drumline::gateway
