// GatewayShard: what battles say.
#include <algorithm>
#include <cstring>

#include "base/prefetch.hpp"
#include "broadcast/nearness.hpp"
#include "gateway/gateway_shard.hpp"

namespace drumline::gateway {
namespace {

using transport::CloseCode;

const char* end_text(wire::EndCause cause) {
  switch (cause) {
    case wire::EndCause::finished:
      return "the battle is over";
    case wire::EndCause::ended:
      return "the battle is over: it was ended by the server";
    case wire::EndCause::failed:
      return "the battle is over: its rules failed";
  }
  return "the battle is over";
}

/// Whose frame it is; 0 when it is too short to say. The cache checks the rest.
BattleId battle_of(Bytes frame) {
  broadcast::BattleFrameHeader head;
  if (frame.size() < sizeof head) return {};
  std::memcpy(&head, frame.data(), sizeof head);
  return BattleId{head.battle};
}

/// Frames of sessions behind one address are made as long as one another, whichever battle they
/// are of, as packets of one size go out together: the small ones in steps, the others as long as may be.
std::size_t common_size(std::size_t size, std::size_t budget) {
  constexpr std::size_t kStep = 64;
  constexpr std::size_t kSmall = 256;
  return size > kSmall ? budget : std::min(budget, (size + kStep - 1) / kStep * kStep);
}

}  // namespace

void GatewayShard::deliver(Bytes battle_frame, bool outdated) {
  follow_overload();
  BattleFeed* const feed = find_feed(battle_of(battle_frame));
  // Nobody here is in it, or seeks it.
  if (feed == nullptr) return;
  broadcast::CellCache& cache = feed->cache;
  if (const auto absorbed = cache.absorb(battle_frame); !absorbed) {
    counters_.battle_frames_malformed.add();
    if (auto pass = log_limit_.allow(clock_.now()))
      log_error("a battle frame is malformed: {}", absorbed.error().message);
    return;
  }
  counters_.battle_frames.add();
  if (cache.take_full_request()) {
    battle::Inbound inbound;
    inbound.kind = battle::Inbound::Kind::resync;
    forward(*feed, inbound);
  }
  const Tick tick = cache.tick();
  if (const Bytes payload = cache.tick_payload(); !payload.empty()) {
    feed->ticks.add(tick, cache.state_hash(), payload);
  }
  cache.for_each_message([&](SessionId to, Bytes message) {
    if (to != SessionId{} && session_shard(to) != options_.shard) return;
    const auto notice = battle::decode_notice(message);
    if (notice)
      on_notice(*feed, to, *notice, tick);
    else
      counters_.battle_frames_malformed.add();
  });
  if (outdated && !cache.ended())
    skip_members(*feed);
  else
    send_to_members(*feed);
  const bool ended = cache.ended();
  cache.release();
  if (ended) end_battle(*feed);
}

/// What is due stays due, and goes with the next frame.
void GatewayShard::skip_members(const BattleFeed& feed) {
  if (!feed.cache.has_state()) return;
  const Tick tick = feed.cache.tick();
  for (const Members::Member& member : feed.members) {
    const GatewaySession& session = *sessions_[member.session];
    if (session.lockstep == nullptr && is_due(session, tick)) counters_.client_frames_skipped.add();
  }
}

/// What the overload ladder says now.
void GatewayShard::follow_overload() {
  if (links_.overload == nullptr) return;
  const battle::Rung rung = links_.overload->rung.load(std::memory_order_relaxed);
  if (rung == rung_) return;
  rung_ = rung;
  plan_ = &plan_of_rung();
  for (auto& session : sessions_) {
    if (session && session->view != nullptr) session->view->set_plan(*plan_);
  }
}

const broadcast::InterestPlan& GatewayShard::plan_of_rung() const {
  if (stands_on(battle::Rung::smaller_interest)) return smaller_plan_;
  return stands_on(battle::Rung::lower_tiers) ? lower_plan_ : normal_plan_;
}

// ---- each client's own

void GatewayShard::send_to_members(BattleFeed& feed) {
  const Tick tick = feed.cache.tick();
  // A client's own memory has left the caches since it was sent to last: that of the next ones
  // comes while this one is dealt with.
  const auto end = feed.members.end();
  auto soon = feed.members.begin();
  auto next = soon;
  if (soon != end) ++soon;
  for (const Members::Member& member : feed.members) {
    if (soon != end && ++soon != end) prefetch_range(&sessions_[soon->session], sizeof sessions_[0]);
    if (++next != end) {
      const GatewaySession& session_after = *sessions_[next->session];
      if (session_after.view != nullptr) session_after.view->prefetch();
      session_after.transport->prefetch();
    }
    GatewaySession& session = *sessions_[member.session];
    const std::size_t size = assemble(session, tick);
    if (size == 0) continue;
    if (session.transport->send_datagram(Bytes(datagram_).first(size))) {
      counters_.client_frames_sent.add();
      counters_.client_frame_bytes.add(size);
    } else {
      counters_.client_frames_dropped.add();
    }
  }
}

/// Writes the session's datagram of this tick to datagram_; its size, 0 when there is none.
std::size_t GatewayShard::assemble(GatewaySession& session, Tick tick) {
  BattleFeed& feed = *session.feed;
  const bool whole_map = session.seen_player() == kNoPlayer;
  const std::size_t budget =
      std::min<std::size_t>(whole_map ? options_.spectator_budget_bytes : options_.datagram_budget_bytes,
                            session.transport->max_datagram_bytes());
  std::size_t size = 0;
  if (session.lockstep != nullptr) {
    if (session.lockstep->lost(feed.ticks)) restart_lockstep(session);
    send_large_ticks(session, budget);
    size = session.lockstep->assemble(feed.ticks, datagram_, budget);
  } else {
    if (!feed.cache.has_state() || !is_due(session, tick)) return 0;
    session.last_state_tick = tick;
    size = session.view->assemble(feed.cache, datagram_, budget);
    const bool in_company = session.behind->second > 1;
    if (size != 0 && in_company)
      size = broadcast::pad_state_frame(datagram_, size, common_size(size, budget));
  }
  if (size != 0) wire::set_visit(datagram_, session.visit());
  return size;
}

u32 GatewayShard::send_period_of(const GatewaySession& session) const {
  return session.seen_player() == kNoPlayer ? options_.spectator_period_ticks
                                            : session.feed->descriptor().sync.send_period_ticks;
}

/// How many times less often than usual he is sent to: who has nobody near, where that is wanted,
/// and everybody in a crowd.
u32 GatewayShard::turns_of(const GatewaySession& session) const {
  u32 turns = 1;
  const PlayerSlot player = session.seen_player();
  if (player != kNoPlayer && (options_.send_tiers || stands_on(battle::Rung::lower_tiers)))
    turns <<= std::min<u32>(session.feed->cache.place(player).calm, broadcast::Nearness::kMostCalm);
  if (stands_on(battle::Rung::smaller_interest)) turns *= options_.crowded_send_period;
  return turns;
}

/// Whether a state frame of `tick` is for him. Those who are not sent to each time take turns, each
/// by its index; who has somebody near all of a sudden is due at once.
bool GatewayShard::is_due(const GatewaySession& session, Tick tick) const {
  const auto since = static_cast<i64>(tick - session.last_state_tick);
  const u32 period = send_period_of(session);
  if (since < i64{period}) return false;
  const u32 turns = turns_of(session);
  if (turns == 1 || since >= i64{period} * turns) return true;
  return (tick / period + session_index(session.id)) % turns == 0;
}

/// Ticks with so many inputs that no datagram holds them.
void GatewayShard::send_large_ticks(GatewaySession& session, std::size_t budget) {
  const TickLog& log = session.feed->ticks;
  while (const auto tick = session.lockstep->next_large(log, budget)) {
    const Bytes payload = log.payload(*tick);
    // The same shape as in a frame's entry: a length, then the payload.
    wire::Ticks message;
    message.first_tick = *tick;
    message.bytes.resize(payload.size() + kMaxVarintBytes);
    ByteWriter out(message.bytes);
    out.write_varint(payload.size());
    out.write_bytes(payload);
    message.bytes.resize(out.size());
    send(session, std::move(message));
  }
}

// ---- notices

/// The same to all who are in the battle.
void GatewayShard::tell_members(const BattleFeed& feed, const wire::ServerMessage& message) {
  message_.clear();
  wire::encode_message(message, message_);
  for (const Members::Member& member : feed.members)
    sessions_[member.session]->transport->send_reliable(message_);
}

void GatewayShard::on_notice(BattleFeed& feed, SessionId to, const battle::Notice& notice, Tick tick) {
  if (const auto* change = std::get_if<battle::RosterChange>(&notice)) {
    if (change->player.value >= feed.descriptor().max_players)
      counters_.battle_frames_malformed.add();
    else
      feed.roster.apply(*change);
    return;
  }
  if (const auto* board = std::get_if<battle::ScoreboardNotice>(&notice)) {
    wire::Scoreboard message{tick, {}};
    for (u32 i = 0; i < board->count; ++i)
      message.entries.push_back({board->entries[i].player, board->entries[i].score});
    if (message.entries == feed.scoreboard.entries) return;
    feed.scoreboard = message;
    tell_members(feed, std::move(message));
    return;
  }
  if (const auto* pace = std::get_if<battle::PaceChange>(&notice)) {
    if (pace->percent == feed.pace_percent) return;
    feed.pace_percent = pace->percent;
    tell_members(feed, wire::Pace{tick, pace->percent});
    return;
  }
  if (const auto* granted = std::get_if<battle::SeatGranted>(&notice)) {
    on_granted(feed, to, *granted, tick);
    return;
  }
  GatewaySession* const session = find(to);
  if (session == nullptr || session->state == SessionState::closing || session->feed != &feed) return;
  if (const auto* refused = std::get_if<battle::SeatRefused>(&notice)) {
    const bool full = refused->refusal == world::kRefusedNoSeat;
    refuse_hello(
        *session, CloseCode::battle_full,
        full ? "the battle has no such seat, or no free one; try again later or without a reconnect token"
             : feed.descriptor().refusal_name(refused->refusal));
  } else if (const auto* command = std::get_if<battle::CommandRefused>(&notice)) {
    send(*session, wire::Refused{command->refusal.code, feed.descriptor().refusal_name(command->refusal),
                                 command->sequence});
  } else if (std::get_if<battle::SeatTaken>(&notice) != nullptr) {
    // The seat is the other session's now: the battle takes no notice of this one's drop.
    say_goodbye(*session, CloseCode::replaced, "the same player connected again", 0);
  } else if (const auto* part = std::get_if<battle::StatePart>(&notice)) {
    on_state(*session, *part);
  }
}

void GatewayShard::on_granted(BattleFeed& feed, SessionId to, const battle::SeatGranted& granted, Tick tick) {
  GatewaySession* const session = find(to);
  if (session != nullptr && session->state == SessionState::playing && session->feed == &feed &&
      session->player == granted.player) {
    // It has had the seat all along; its battle was brought back.
    session->entity = granted.entity;
    return;
  }
  if (session == nullptr || session->state != SessionState::seating || session->feed != &feed) {
    // It went away while the battle made room. A seat taken again is kept for its ticket;
    // of a new one nobody has a ticket.
    battle::Inbound inbound;
    inbound.kind = granted.resumed ? battle::Inbound::Kind::drop : battle::Inbound::Kind::leave;
    inbound.player = granted.player;
    inbound.session = to;
    forward(feed, inbound);
    return;
  }
  release_claim(*session);
  session->state = SessionState::playing;
  session->player = granted.player;
  session->seat_generation = granted.seat_generation;
  session->entity = granted.entity;
  counters_.players.add(1);
  admit(*session, tick, granted.seat_generation, granted.resumed);
}

/// The whole state, piece by piece, to a session in lockstep.
void GatewayShard::on_state(GatewaySession& session, const battle::StatePart& part) {
  if (session.lockstep == nullptr) return;
  if (part.offset == 0) session.lockstep->begin(part.tick);
  send(session, wire::SnapshotPart{part.tick,
                                   part.state_hash,
                                   part.info_bytes,
                                   part.total_bytes,
                                   part.offset,
                                   {part.bytes.begin(), part.bytes.end()}});
}

// ---- the end

void GatewayShard::leave_ended(GatewaySession& session, wire::EndCause cause) {
  if (!session.outlives_battle) {
    say_goodbye(session, CloseCode::battle_over, end_text(cause), 0);
  } else if (is_in_battle(session.state)) {
    send(session, wire::BattleOver{session.feed->id(), session.visit(), cause, end_text(cause)});
    take_out(session, Departure::drop);
    step_outside(session);
  } else {
    refuse_hello(session, CloseCode::battle_over, end_text(cause));
  }
}

void GatewayShard::end_battle(BattleFeed& feed) {
  feed.ended = true;
  const wire::EndCause cause = feed.entry().end.load(std::memory_order_relaxed);
  for (auto& session : sessions_) {
    if (!session || session->feed != &feed) continue;
    if (session->state != SessionState::closing) leave_ended(*session, cause);
    if (session->upload != nullptr) finish_upload(*session);
    session->feed = nullptr;
  }
  feeds_.erase(feed.id());
}

}  // namespace drumline::gateway
