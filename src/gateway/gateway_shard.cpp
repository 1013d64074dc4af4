#include "gateway/gateway_shard.hpp"

#include <algorithm>
#include <cstring>

#include "base/hex.hpp"
#include "wire/command.hpp"

namespace drumline::gateway {
namespace {

using transport::CloseCode;

/// Roster changes go out, and greetings are timed, this often.
constexpr i64 kTimerPeriodNs = 250 * kMillisecondNs;
/// Commands over the limit that a session may send within a second before it is a flood.
constexpr u32 kFloodExcess = 2000;

/// Why a client cannot run this battle's simulation; empty when it can, or does not want to.
std::string simulation_problem(const wire::Hello& hello, const battle::BattleDescriptor& battle) {
  if (!hello.simulation_id.empty() && hello.simulation_id != battle.simulation_id) {
    return "the client's simulation is build " + hello.simulation_id + ", battle " +
           std::to_string(battle.id.value) + " runs build " + battle.simulation_id +
           ": update the client, or join without a simulation of its own";
  }
  if (hello.rules_hash != 0 && hello.rules_hash != battle.rules_hash) {
    return "the client's rules have hash " + to_hex(hello.rules_hash) + ", battle " +
           std::to_string(battle.id.value) + " runs rules with hash " + to_hex(battle.rules_hash) +
           ": take the battle's rules, which come with its snapshot";
  }
  return "";
}

/// Whose frame it is; 0 when it is too short to say. The cache checks the rest.
BattleId battle_of(Bytes frame) {
  broadcast::BattleFrameHeader head;
  if (frame.size() < sizeof head) return {};
  std::memcpy(&head, frame.data(), sizeof head);
  return BattleId{head.battle};
}

}  // namespace

struct GatewayShard::Battle {
  explicit Battle(BattleLink battle_link) : link(std::move(battle_link)) {}

  BattleLink link;
  broadcast::CellCache cache;
  Roster roster;
  Members members;  ///< who is playing or watching
};

GatewayShard::GatewayShard(const GatewayOptions& options, const auth::TicketSealer& tickets,
                           const env::Clock& clock)
    : options_(options), tickets_(tickets), clock_(clock), interest_(options.interest) {
  sessions_.resize(options_.max_sessions);
  generations_.resize(options_.max_sessions);
  free_.reserve(options_.max_sessions);
  for (u32 index = options_.max_sessions; index-- > 0;) free_.push_back(index);
  datagram_.resize(std::max(options_.datagram_budget_bytes, options_.spectator_budget_bytes));
}

GatewayShard::~GatewayShard() = default;

void GatewayShard::add_battle(BattleLink link) {
  battles_.push_back(std::make_unique<Battle>(std::move(link)));
}

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

// ---- transports

void GatewayShard::on_open(transport::Session& session) {
  session.context = 0;
  if (free_.empty()) {
    session.close(CloseCode::battle_full, "this gateway has no room for another session");
    return;
  }
  const u32 index = free_.back();
  free_.pop_back();
  const u32 generation = ++generations_[index] & 0xFF'FFFF;
  const TimeNs now = clock_.now();
  sessions_[index].emplace(make_session_id(options_.shard, generation, index), session,
                           wire::FrameReaderLimits{},
                           TokenBucket(options_.commands_per_second, options_.command_burst, now));
  sessions_[index]->deadline = now + options_.greeting_timeout_ns;
  session.context = u64{index} + 1;
  counters_.sessions_opened.add();
  counters_.sessions.add(1);
}

void GatewayShard::on_close(transport::Session& session, CloseCode, std::string_view) {
  GatewaySession* const found = find(session);
  if (found == nullptr) return;
  session.context = 0;
  release(*found);
  const u32 index = session_index(found->id);
  sessions_[index].reset();
  free_.push_back(index);
  counters_.sessions_closed.add();
  counters_.sessions.add(-1);
}

// Takes a session out of its battle; its seat is kept for a while.
void GatewayShard::release(GatewaySession& session) {
  if (session.state == SessionState::playing || session.state == SessionState::watching) {
    Battle& battle = *battles_[session.battle];
    battle.members.remove(session_index(session.id));
    (session.state == SessionState::playing ? counters_.players : counters_.spectators).add(-1);
  }
  if (session.state == SessionState::playing) {
    battle::Inbound inbound;
    inbound.kind = battle::Inbound::Kind::drop;
    inbound.player = session.player;
    inbound.session = session.id;
    forward(*battles_[session.battle], inbound);
  }
  session.state = SessionState::closing;
}

void GatewayShard::on_reliable(transport::Session& session, Bytes bytes) {
  GatewaySession* const found = find(session);
  if (found == nullptr || found->state == SessionState::closing) return;
  const SessionId id = found->id;
  found->reader.feed(bytes, [&](Bytes payload) {
    on_payload(*found, payload);
    // A message may end the session, and the reader with it.
    return find(id) == found && found->state != SessionState::closing;
  });
  if (find(id) != found || found->state == SessionState::closing) return;
  if (found->reader.failure() != wire::FrameStatus::ok) {
    counters_.frames_malformed.add();
    counters_.closed_bad.add();
    say_goodbye(*found, CloseCode::bad_frame,
                std::string("the byte stream is not frames: ") +
                    wire::frame_status_name(found->reader.failure()) + " (docs/formats/frame.md)",
                0);
  }
}

void GatewayShard::on_datagram(transport::Session& session, Bytes payload) {
  GatewaySession* const found = find(session);
  if (found == nullptr || found->state == SessionState::closing) return;
  const SessionId id = found->id;
  const auto status = wire::for_each_frame(payload, wire::kMaxCommandPayloadBytes,
                                           wire::kMaxCommandsPerDatagram, [&](Bytes frame) {
                                             if (find(id) == found) on_command(*found, frame);
                                           });
  // A datagram may be damaged or cut by anybody on the way: it is dropped, nothing more.
  if (status != wire::FrameStatus::ok) counters_.frames_malformed.add();
}

void GatewayShard::on_payload(GatewaySession& session, Bytes payload) {
  if (wire::is_client_message(payload))
    on_message(session, payload);
  else
    on_command(session, payload);
}

// ---- commands: the hot path in

void GatewayShard::on_command(GatewaySession& session, Bytes payload) {
  if (session.state == SessionState::closing) return;
  counters_.commands_received.add();
  battle::Inbound scratch;
  Battle* const battle = session.state == SessionState::playing || session.state == SessionState::watching
                             ? battles_[session.battle].get()
                             : nullptr;
  // Decoded where the battle reads it; not committed, the slot is simply used again.
  battle::Inbound* slot = battle != nullptr ? battle->link.inbound->try_reserve() : nullptr;
  const bool ring_full = slot == nullptr;
  if (slot == nullptr) slot = &scratch;
  slot->kind = battle::Inbound::Kind::command;
  wire::CommandAcks acks;
  const wire::DecodeStatus status = wire::decode_command(payload, slot->command, acks);
  if (status != wire::DecodeStatus::ok && status != wire::DecodeStatus::unknown_action) {
    counters_.commands_malformed.add();
    if (auto pass = log_limit_.allow(clock_.now())) {
      log_warning("a command from {} is refused: {} ({} more like it)", session.transport->peer().to_string(),
                  wire::decode_status_name(status), pass->suppressed);
    }
    return;
  }
  if (battle == nullptr) return;
  for (const u32 ack : acks.view()) session.view->acknowledge(ack);
  if (session.state != SessionState::playing || slot->command.action == world::Action::none) return;
  if (slot->command.sequence <= session.highest_sequence) {
    counters_.commands_repeated.add();
    return;
  }
  const TimeNs now = clock_.now();
  if (!session.commands.take(now)) {
    counters_.commands_limited.add();
    if (now - session.excess_since > kSecondNs) {
      session.excess_since = now;
      session.excess_commands = 0;
    }
    if (++session.excess_commands > kFloodExcess) {
      counters_.closed_flood.add();
      say_goodbye(
          session, CloseCode::flood,
          "too many commands: the limit is " + std::to_string(options_.commands_per_second) + " a second",
          5000);
    }
    return;
  }
  if (ring_full) {
    counters_.ring_full.add();
    return;
  }
  session.highest_sequence = slot->command.sequence;
  slot->battle = battle->link.descriptor->id;
  slot->player = session.player;
  slot->session = session.id;
  battle->link.inbound->commit();
  counters_.commands_forwarded.add();
}

bool GatewayShard::forward(Battle& battle, const battle::Inbound& inbound) {
  battle::Inbound* const slot = battle.link.inbound->try_reserve();
  if (slot == nullptr) {
    counters_.ring_full.add();
    return false;
  }
  *slot = inbound;
  slot->battle = battle.link.descriptor->id;
  battle.link.inbound->commit();
  return true;
}

// ---- messages

void GatewayShard::on_message(GatewaySession& session, Bytes payload) {
  auto message = wire::decode_client_message(payload);
  if (!message) {
    counters_.messages_malformed.add();
    counters_.closed_bad.add();
    say_goodbye(session, CloseCode::bad_message, message.error().message, 0);
    return;
  }
  if (const auto* hello = std::get_if<wire::Hello>(&*message)) {
    on_hello(session, *hello);
  } else if (const auto* ping = std::get_if<wire::Ping>(&*message)) {
    const bool in_battle = session.state == SessionState::playing || session.state == SessionState::watching;
    send(session, wire::Pong{ping->nonce, in_battle ? battles_[session.battle]->cache.tick() : 0});
  } else if (std::holds_alternative<wire::Leave>(*message)) {
    if (session.state == SessionState::playing) {
      battle::Inbound inbound;
      inbound.kind = battle::Inbound::Kind::leave;
      inbound.player = session.player;
      inbound.session = session.id;
      forward(*battles_[session.battle], inbound);
    }
    release(session);
    session.transport->close(CloseCode::none, "left");
  }
}

void GatewayShard::on_hello(GatewaySession& session, const wire::Hello& hello) {
  if (session.state != SessionState::greeting) {
    counters_.closed_bad.add();
    say_goodbye(session, CloseCode::bad_message, "a second Hello in one session", 0);
    return;
  }
  if (hello.protocol != wire::kProtocolVersion) {
    refuse_hello(session, CloseCode::version,
                 "protocol " + std::to_string(hello.protocol) + " is not served here; this server speaks " +
                     std::to_string(wire::kProtocolVersion));
    return;
  }
  const transport::PeerIdentity& identity = session.transport->identity();
  if (hello.seat == wire::SeatKind::player && !identity.may_play) {
    refuse_hello(session, CloseCode::unauthenticated,
                 "the token is a spectator's; playing needs a player's token");
    return;
  }
  const auto wanted = std::find_if(battles_.begin(), battles_.end(), [&](const auto& battle) {
    const battle::BattleDescriptor& descriptor = *battle->link.descriptor;
    return (hello.battle == BattleId{} || hello.battle == descriptor.id) &&
           (hello.game.empty() || hello.game == descriptor.game);
  });
  if (wanted == battles_.end()) {
    refuse_hello(session, CloseCode::no_such_battle,
                 hello.battle == BattleId{}
                     ? "no battle of the game \"" + hello.game + "\" runs here"
                     : "battle " + std::to_string(hello.battle.value) + " does not run here");
    return;
  }
  session.battle = static_cast<u32>(wanted - battles_.begin());
  Battle& battle = **wanted;
  if (const std::string problem = simulation_problem(hello, *battle.link.descriptor); !problem.empty()) {
    refuse_hello(session, CloseCode::version, problem);
    return;
  }
  if (hello.seat == wire::SeatKind::spectator) {
    session.state = SessionState::watching;
    session.view = std::make_unique<broadcast::ClientView>(interest_, kNoPlayer);
    battle.members.add(session_index(session.id), session.transport->peer());
    counters_.spectators.add(1);
    welcome(session, battle, battle.cache.tick(), 0, false);
    return;
  }
  if (!hello.reconnect_token.empty()) {
    resume(session, battle, hello);
    return;
  }
  battle::Inbound inbound;
  inbound.kind = battle::Inbound::Kind::join;
  inbound.session = session.id;
  inbound.profile = {};
  inbound.profile.account = identity.account;
  const std::string& name = hello.name.empty() ? identity.name : hello.name;
  const std::string clean = wire::clean_name(name);
  std::copy(clean.begin(), clean.end(), inbound.profile.name.begin());
  session.state = SessionState::seating;
  session.deadline = clock_.now() + options_.greeting_timeout_ns;
  if (!forward(battle, inbound))
    refuse_hello(session, CloseCode::battle_full, "the battle takes no more input now");
}

void GatewayShard::resume(GatewaySession& session, Battle& battle, const wire::Hello& hello) {
  const auto ticket = tickets_.open(hello.reconnect_token, clock_.wall_now());
  const auto code = [&] {
    return !ticket && ticket.error().code == ErrorCode::timeout ? CloseCode::token_expired
                                                                : CloseCode::unauthenticated;
  };
  if (!ticket) {
    refuse_hello(session, code(), ticket.error().message);
    return;
  }
  if (ticket->battle != battle.link.descriptor->id ||
      ticket->account != session.transport->identity().account) {
    refuse_hello(session, CloseCode::unauthenticated,
                 "the reconnect token is another player's or another battle's");
    return;
  }
  battle::Inbound inbound;
  inbound.kind = battle::Inbound::Kind::resume;
  inbound.session = session.id;
  inbound.player = ticket->player;
  inbound.seat_generation = ticket->seat_generation;
  inbound.profile = {};
  inbound.profile.account = ticket->account;
  session.state = SessionState::seating;
  session.deadline = clock_.now() + options_.greeting_timeout_ns;
  if (!forward(battle, inbound))
    refuse_hello(session, CloseCode::battle_full, "the battle takes no more input now");
}

void GatewayShard::refuse_hello(GatewaySession& session, CloseCode code, const std::string& reason) {
  counters_.hellos_refused.add();
  if (auto pass = log_limit_.allow(clock_.now())) {
    log_warning("a session from {} is refused: {} ({} more like it)", session.transport->peer().to_string(),
                reason, pass->suppressed);
  }
  send(session, wire::Refused{static_cast<u16>(code), reason, 0});
  say_goodbye(session, code, reason, code == CloseCode::battle_full ? 5000 : 0);
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

void GatewayShard::welcome(GatewaySession& session, Battle& battle, Tick tick, u32 seat_generation,
                           bool resumed) {
  const battle::BattleDescriptor& descriptor = *battle.link.descriptor;
  wire::Welcome welcome;
  welcome.session = session.id;
  welcome.battle = descriptor.id;
  welcome.player = session.player;
  welcome.entity = session.entity;
  welcome.tick = tick;
  welcome.resumed = resumed;
  welcome.game = descriptor.game;
  welcome.model = descriptor.sync.model;
  welcome.send_period_ticks = descriptor.sync.send_period_ticks;
  welcome.simulation_id = descriptor.simulation_id;
  welcome.rules_hash = descriptor.rules_hash;
  welcome.build_id = descriptor.build_id;
  welcome.map_width = descriptor.map_size.width.raw;
  welcome.map_height = descriptor.map_size.height.raw;
  welcome.map_description = descriptor.map_description;
  welcome.schema = descriptor.schema;
  welcome.event_names = descriptor.event_names;
  if (session.player != kNoPlayer) {
    welcome.reconnect_token =
        tickets_.seal({descriptor.id, session.player, seat_generation, session.transport->identity().account,
                       (clock_.wall_now() + options_.ticket_lifetime_ns) / kSecondNs});
  }
  send(session, welcome);
  for (wire::Roster& roster : battle.roster.complete()) send(session, std::move(roster));
}

// ---- battle frames

void GatewayShard::deliver(Bytes battle_frame) {
  const BattleId id = battle_of(battle_frame);
  const auto found = std::find_if(battles_.begin(), battles_.end(),
                                  [&](const auto& battle) { return battle->link.descriptor->id == id; });
  if (found == battles_.end()) {
    counters_.battle_frames_malformed.add();
    return;
  }
  Battle& battle = **found;
  if (const auto absorbed = battle.cache.absorb(battle_frame); !absorbed) {
    counters_.battle_frames_malformed.add();
    if (auto pass = log_limit_.allow(clock_.now()))
      log_error("a battle frame is malformed: {}", absorbed.error().message);
    return;
  }
  counters_.battle_frames.add();
  if (battle.cache.take_full_request()) {
    battle::Inbound inbound;
    inbound.kind = battle::Inbound::Kind::resync;
    forward(battle, inbound);
  }
  const Tick tick = battle.cache.tick();
  battle.cache.for_each_message([&](SessionId to, Bytes message) {
    if (to != SessionId{} && session_shard(to) != options_.shard) return;
    const auto notice = battle::decode_notice(message);
    if (notice)
      on_notice(battle, to, *notice, tick);
    else
      counters_.battle_frames_malformed.add();
  });
  send_states(battle, tick);
  battle.cache.release();
}

void GatewayShard::send_states(Battle& battle, Tick tick) {
  for (const Members::Member& member : battle.members) {
    GatewaySession& session = *sessions_[member.session];
    const bool spectator = session.state == SessionState::watching;
    // Spectators take turns, so that they do not all fall on one tick.
    if (spectator && (tick + member.session) % options_.spectator_period_ticks != 0) continue;
    const std::size_t budget =
        std::min<std::size_t>(spectator ? options_.spectator_budget_bytes : options_.datagram_budget_bytes,
                              session.transport->max_datagram_bytes());
    std::size_t size = session.view->assemble(battle.cache, datagram_, budget);
    if (size == 0) continue;
    if (member.in_company) size = broadcast::pad_state_frame(datagram_, size, budget);
    if (session.transport->send_datagram(Bytes(datagram_).first(size))) {
      counters_.client_frames_sent.add();
      counters_.client_frame_bytes.add(size);
    } else {
      counters_.client_frames_dropped.add();
    }
  }
}

void GatewayShard::on_notice(Battle& battle, SessionId to, const battle::Notice& notice, Tick tick) {
  if (const auto* change = std::get_if<battle::RosterChange>(&notice)) {
    battle.roster.apply(*change);
    return;
  }
  if (const auto* board = std::get_if<battle::ScoreboardNotice>(&notice)) {
    wire::Scoreboard message{tick, {}};
    for (u32 i = 0; i < board->count; ++i)
      message.entries.push_back({board->entries[i].player, board->entries[i].score});
    message_.clear();
    wire::encode_message(wire::ServerMessage(std::move(message)), message_);
    for (const Members::Member& member : battle.members)
      sessions_[member.session]->transport->send_reliable(message_);
    return;
  }
  GatewaySession* const session = find(to);
  if (const auto* granted = std::get_if<battle::SeatGranted>(&notice)) {
    if (session == nullptr || session->state != SessionState::seating) {
      // It went away while the battle made room: the seat is dropped again.
      battle::Inbound inbound;
      inbound.kind = battle::Inbound::Kind::drop;
      inbound.player = granted->player;
      inbound.session = to;
      forward(battle, inbound);
      return;
    }
    session->state = SessionState::playing;
    session->player = granted->player;
    session->entity = granted->entity;
    session->highest_sequence = battle.cache.place(granted->player).sequence;
    session->view = std::make_unique<broadcast::ClientView>(interest_, granted->player);
    battle.members.add(session_index(session->id), session->transport->peer());
    counters_.players.add(1);
    welcome(*session, battle, tick, granted->seat_generation, granted->resumed);
    return;
  }
  if (session == nullptr || session->state == SessionState::closing) return;
  if (const auto* refused = std::get_if<battle::SeatRefused>(&notice)) {
    const bool full = refused->refusal == world::kRefusedNoSeat;
    refuse_hello(
        *session, CloseCode::battle_full,
        full ? "the battle has no such seat, or no free one; try again later or without a reconnect token"
             : battle.link.descriptor->refusal_name(refused->refusal));
  } else if (const auto* command = std::get_if<battle::CommandRefused>(&notice)) {
    send(*session, wire::Refused{command->refusal.code,
                                 battle.link.descriptor->refusal_name(command->refusal), command->sequence});
  } else if (std::get_if<battle::SeatTaken>(&notice) != nullptr) {
    // The seat is the other session's now: leaving it must not drop it.
    if (session->state == SessionState::playing) counters_.players.add(-1);
    battle.members.remove(session_index(session->id));
    session->state = SessionState::closing;
    send(*session,
         wire::Goodbye{static_cast<u32>(CloseCode::replaced), "the same player connected again", 0});
    session->transport->close(CloseCode::replaced, "the same player connected again");
  }
}

void GatewayShard::on_lapped() {
  counters_.laps.add();
  log_error("gateway shard {} fell a whole frame ring behind; its sessions are closed and may reconnect",
            options_.shard);
  close_all(CloseCode::server_stopping, "the gateway fell behind; reconnect with the token", 100);
}

void GatewayShard::on_timer(TimeNs now) {
  next_timer_ = now + kTimerPeriodNs;
  for (auto& session : sessions_) {
    if (!session || session->deadline > now) continue;
    if (session->state == SessionState::greeting || session->state == SessionState::seating) {
      counters_.closed_idle.add();
      say_goodbye(*session, CloseCode::idle, "no Hello came in time", 0);
    }
  }
  for (const auto& battle : battles_) {
    for (const wire::Roster& changes : battle->roster.take_changes()) {
      message_.clear();
      wire::encode_message(wire::ServerMessage(changes), message_);
      for (const Members::Member& member : battle->members)
        sessions_[member.session]->transport->send_reliable(message_);
    }
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
