// GatewayShard: who gets into which battle.
#include <algorithm>

#include "base/hex.hpp"
#include "gateway/gateway_shard.hpp"

namespace drumline::gateway {
namespace {

using transport::CloseCode;

constexpr u32 kFullRetryMs = 5000;

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

/// Why the model that the client asks for cannot be; empty when it can.
std::string model_problem(const wire::Hello& hello, const battle::BattleDescriptor& battle) {
  if (!hello.model || *hello.model == battle.sync.model || hello.seat == wire::SeatKind::spectator) return "";
  return "battle " + std::to_string(battle.id.value) + " is synchronised by " +
         std::string(world::sync_model_name(battle.sync.model)) +
         ": its players are so, only a spectator may ask for " +
         std::string(world::sync_model_name(*hello.model));
}

/// Why nobody can be followed so; empty when he can, or nobody is meant to be.
std::string follow_problem(const wire::Hello& hello, const battle::BattleDescriptor& battle) {
  if (hello.follow == kNoPlayer) return "";
  if (hello.seat != wire::SeatKind::spectator) {
    return "only a spectator may follow seat " + std::to_string(hello.follow.value) +
           ", and the Hello is a player's";
  }
  if (hello.model.value_or(battle.sync.model) == world::SyncModel::lockstep)
    return "in lockstep everybody runs the whole battle: there is nobody to follow";
  if (hello.follow.value < battle.max_players) return "";
  return "there is no seat " + std::to_string(hello.follow.value) + " to follow: battle " +
         std::to_string(battle.id.value) + " has seats 0 to " + std::to_string(battle.max_players - 1);
}

}  // namespace

/// Whether a Hello makes sense now. One in a battle leaves it.
bool GatewayShard::may_greet(GatewaySession& session) {
  const bool answered = session.state != SessionState::seating && session.state != SessionState::waiting;
  const bool further = session.state != SessionState::greeting;
  if (further && !(session.outlives_battle && answered)) {
    counters_.closed_bad.add();
    say_goodbye(session, CloseCode::bad_message,
                answered ? "a second Hello in a session that was to end with its battle"
                         : "a second Hello before the first is answered",
                0);
    return false;
  }
  if (!session.hellos.take(clock_.now())) {
    counters_.closed_flood.add();
    say_goodbye(session, CloseCode::flood, "too many Hellos in one session", 5000);
    return false;
  }
  if (is_in_battle(session.state)) {
    take_out(session, Departure::leave);
    step_outside(session);
  }
  return true;
}

void GatewayShard::on_hello(GatewaySession& session, const wire::Hello& hello) {
  if (!may_greet(session)) return;
  session.outlives_battle = hello.keeps_session && hello.protocol == wire::kProtocolVersion;
  session.sought_again = false;
  if (hello.protocol != wire::kProtocolVersion) {
    refuse_hello(session, CloseCode::version,
                 "protocol " + std::to_string(hello.protocol) + " is not served here; this server speaks " +
                     std::to_string(wire::kProtocolVersion));
    return;
  }
  if (hello.seat == wire::SeatKind::player && !session.transport->identity().may_play) {
    refuse_hello(session, CloseCode::unauthenticated,
                 "the token is a spectator's; playing needs a player's token");
    return;
  }
  // Who has a seat comes back; nobody else comes in.
  if (stands_on(battle::Rung::no_joins) && hello.reconnect_token.empty()) {
    counters_.hellos_refused_overloaded.add();
    refuse_hello(session, CloseCode::overloaded,
                 "the server has more to do than time; who plays goes on, nobody new is let in for now",
                 links_.overload->retry_after_ms);
    return;
  }
  if (find_battle(session, hello)) enter(session, hello);
}

/// The battle that a Hello names, by itself, by its reconnect token or by the access token; 0:
/// any. Nothing: they name different ones, and it was refused.
std::optional<BattleId> GatewayShard::wanted_battle(GatewaySession& session, const wire::Hello& hello) {
  const auto name = [](BattleId battle) { return "battle " + std::to_string(battle.value); };
  BattleId wanted = hello.battle;
  if (!hello.reconnect_token.empty()) {
    // Whether it is good is seen later, with what is wrong.
    const auto ticket = tickets_.open(hello.reconnect_token, clock_.wall_now());
    if (ticket && wanted != BattleId{} && ticket->battle != wanted) {
      refuse_hello(
          session, CloseCode::unauthenticated,
          "the reconnect token is of " + name(ticket->battle) + ", the Hello asks for " + name(wanted));
      return std::nullopt;
    }
    if (ticket) wanted = ticket->battle;
  }
  const BattleId admitted = session.transport->identity().battle;
  if (admitted == BattleId{}) return wanted;
  if (wanted != BattleId{} && wanted != admitted) {
    refuse_hello(session, CloseCode::unauthenticated,
                 "the access token admits to " + name(admitted) + " only, not to " + name(wanted));
    return std::nullopt;
  }
  return admitted;
}

/// Points the session to the battle that it asks for. False: it was refused, or waits for one.
bool GatewayShard::find_battle(GatewaySession& session, const wire::Hello& hello) {
  battle::BattleDirectory& directory = *links_.directory;
  battle::BattleDirectory::Entry entry;
  const std::optional<BattleId> named = wanted_battle(session, hello);
  if (!named) return false;
  if (const BattleId wanted = *named; wanted != BattleId{}) {
    entry = directory.find(wanted);
    if (entry == nullptr || !entry->open.load(std::memory_order_relaxed) ||
        (!hello.game.empty() && hello.game != entry->descriptor->game)) {
      refuse_hello(session, CloseCode::no_such_battle,
                   "battle " + std::to_string(wanted.value) + " does not run here (any more)");
      return false;
    }
  } else if (hello.seat == wire::SeatKind::spectator || !hello.reconnect_token.empty()) {
    for (const auto& candidate : directory.all()) {
      if (!hello.game.empty() && hello.game != candidate->descriptor->game) continue;
      if (!candidate->open.load(std::memory_order_relaxed)) continue;
      entry = candidate;
      break;
    }
    if (entry == nullptr) {
      refuse_hello(session, CloseCode::no_such_battle,
                   "no battle of the game \"" + hello.game + "\" runs here");
      return false;
    }
  } else {
    entry = directory.claim(hello.game);
    if (entry == nullptr) {
      wait_for_battle(session, hello);
      return false;
    }
    session.has_claim = true;
  }
  session.feed = &feed_of(entry);
  return true;
}

/// One is made, if there may be a further one; its coming is a change of the directory.
void GatewayShard::wait_for_battle(GatewaySession& session, const wire::Hello& hello) {
  if (const auto wanted = links_.want_battle(hello.game); !wanted) {
    const bool unknown = wanted.error().code == ErrorCode::not_found;
    refuse_hello(session, unknown ? CloseCode::no_such_battle : CloseCode::battle_full,
                 wanted.error().message);
    return;
  }
  if (session.state == SessionState::waiting) return;
  session.state = SessionState::waiting;
  session.hello = hello;
  deadlines_.set(session, clock_.now() + options_.greeting_timeout_ns);
  ++waiting_;
}

void GatewayShard::on_battles_changed() {
  const u64 version = links_.directory->version();
  if (version == directory_version_) return;
  directory_version_ = version;
  if (const u64 renewals = links_.directory->renewals(); renewals != directory_renewals_) {
    directory_renewals_ = renewals;
    renew_feeds();
  }
  if (waiting_ == 0) return;
  for (auto& session : sessions_) {
    if (!session || session->state != SessionState::waiting) continue;
    const wire::Hello hello = session->hello;
    if (!find_battle(*session, hello)) continue;
    --waiting_;
    session->state = SessionState::greeting;
    session->hello = {};
    enter(*session, hello);
  }
}

void GatewayShard::enter(GatewaySession& session, const wire::Hello& hello) {
  const battle::BattleDescriptor& descriptor = session.feed->descriptor();
  std::string problem = simulation_problem(hello, descriptor);
  if (problem.empty()) problem = model_problem(hello, descriptor);
  if (!problem.empty()) {
    refuse_hello(session, CloseCode::version, problem);
    return;
  }
  if (problem = follow_problem(hello, descriptor); !problem.empty()) {
    refuse_hello(session, CloseCode::bad_message, problem);
    return;
  }
  session.model = hello.model.value_or(descriptor.sync.model);
  if (hello.seat == wire::SeatKind::spectator) {
    session.state = SessionState::watching;
    session.player = kNoPlayer;
    session.followed = hello.follow;
    counters_.spectators.add(1);
    admit(session, session.feed->entry().tick.load(std::memory_order_relaxed), 0, false);
  } else if (!hello.reconnect_token.empty()) {
    resume(session, hello);
  } else {
    join(session, hello);
  }
}

void GatewayShard::join(GatewaySession& session, const wire::Hello& hello) {
  const transport::PeerIdentity& identity = session.transport->identity();
  battle::Inbound inbound;
  inbound.kind = battle::Inbound::Kind::join;
  inbound.session = session.id;
  inbound.profile = {};
  inbound.profile.account = identity.account;
  const std::string& name = hello.name.empty() ? identity.name : hello.name;
  const std::string clean = wire::clean_name(name);
  std::copy(clean.begin(), clean.end(), inbound.profile.name.begin());
  session.hello = hello;
  session.state = SessionState::seating;
  deadlines_.set(session, clock_.now() + options_.greeting_timeout_ns);
  if (!forward(*session.feed, inbound))
    refuse_hello(session, CloseCode::battle_full, "the battle takes no more input now");
}

void GatewayShard::resume(GatewaySession& session, const wire::Hello& hello) {
  const auto ticket = tickets_.open(hello.reconnect_token, clock_.wall_now());
  if (!ticket) {
    const bool expired = ticket.error().code == ErrorCode::timeout;
    refuse_hello(session, expired ? CloseCode::token_expired : CloseCode::unauthenticated,
                 ticket.error().message);
    return;
  }
  if (ticket->account != session.transport->identity().account) {
    refuse_hello(session, CloseCode::unauthenticated, "the reconnect token is another player's");
    return;
  }
  battle::Inbound inbound;
  inbound.kind = battle::Inbound::Kind::resume;
  inbound.session = session.id;
  inbound.player = ticket->player;
  inbound.seat_generation = ticket->seat_generation;
  inbound.profile = {};
  inbound.profile.account = ticket->account;
  session.hello = hello;
  session.state = SessionState::seating;
  deadlines_.set(session, clock_.now() + options_.greeting_timeout_ns);
  if (!forward(*session.feed, inbound))
    refuse_hello(session, CloseCode::battle_full, "the battle takes no more input now");
}

void GatewayShard::refuse_hello(GatewaySession& session, CloseCode code, const std::string& reason,
                                u32 retry_after_ms) {
  counters_.hellos_refused.add();
  // That nobody new is let in is said once, by who decides it.
  const bool told = code == CloseCode::overloaded;
  if (auto pass = told ? std::nullopt : log_limit_.allow(clock_.now())) {
    log_warning("a session from {} is refused: {} ({} more like it)", session.transport->peer().to_string(),
                reason, pass->suppressed);
  }
  send(session, wire::Refused{static_cast<u16>(code), reason, 0, retry_after_ms});
  if (session.outlives_battle) {
    take_out(session, Departure::drop);
    step_outside(session);
    return;
  }
  say_goodbye(session, code, reason, code == CloseCode::battle_full ? kFullRetryMs : retry_after_ms);
}

/// The session is playing or watching from here on.
void GatewayShard::admit(GatewaySession& session, Tick tick, u32 seat_generation, bool resumed) {
  BattleFeed& feed = *session.feed;
  const u32 index = session_index(session.id);
  deadlines_.remove(session);
  session.outside_since = 0;
  // The early sight of a seat has a visit of its own on the wire, and is no battle before it.
  if (session.visits != 0 && !resumed) counters_.visits.add();
  session.hello = {};
  session.highest_sequence = session.player == kNoPlayer ? 0 : feed.cache.place(session.player).sequence;
  // Sessions of one battle take turns, so that they are not all sent to in one tick.
  const u32 period = send_period_of(session);
  session.last_state_tick = tick + index % period - period;
  feed.members.add(index, session.transport->peer());
  if (session.model == world::SyncModel::lockstep) {
    session.lockstep = std::make_unique<LockstepView>();
    forward(session, battle::Inbound::Kind::watch);
  } else {
    session.view = std::make_unique<broadcast::ClientView>(*plan_, session.seen_player());
  }
  welcome(session, tick, seat_generation, resumed);
}

void GatewayShard::welcome(GatewaySession& session, Tick tick, u32 seat_generation, bool resumed) {
  const battle::BattleDescriptor& descriptor = session.feed->descriptor();
  wire::Welcome welcome;
  welcome.session = session.id;
  welcome.battle = descriptor.id;
  welcome.player = session.player;
  welcome.entity = session.entity;
  welcome.tick = tick;
  welcome.resumed = resumed;
  welcome.game = descriptor.game;
  welcome.build_id = descriptor.build_id;
  welcome.model = session.model;
  welcome.send_period_ticks = descriptor.sync.send_period_ticks;
  welcome.simulation_id = descriptor.simulation_id;
  welcome.rules_hash = descriptor.rules_hash;
  welcome.visit = session.visit();
  welcome.early = session.early;
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
  // Who is who comes with the seat: it must not have to wait behind the same twice.
  if (session.early) return;
  for (wire::Roster& roster : session.feed->roster.complete()) send(session, std::move(roster));
  if (!session.feed->scoreboard.entries.empty()) send(session, wire::Scoreboard(session.feed->scoreboard));
  if (session.feed->pace_percent != world::kNormalPacePercent)
    send(session, wire::Pace{tick, session.feed->pace_percent});
}

}  // namespace drumline::gateway
