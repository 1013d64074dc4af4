// GatewayShard: what a client says with its first packets, before its handshake is complete. It may be a
// copy of what somebody else has sent, so it is answered, and changes nothing: whoever holds the keys
// can read the answer, and nobody else. All of it comes again when the peer has proven that it is there.
#include "gateway/gateway_shard.hpp"

namespace drumline::gateway {

void GatewayShard::on_early(transport::Session& session, Bytes bytes) {
  GatewaySession* found = find(session);
  if (found == nullptr) {
    found = take_in(session);
    if (found == nullptr) return;
    found->early = true;
  }
  // What is wrong with it is said when it comes again.
  if (!found->early || found->state == SessionState::closing) return;
  found->reader.feed(bytes, [&](Bytes payload) {
    on_early_payload(*found, payload);
    return true;
  });
}

void GatewayShard::on_early_payload(GatewaySession& session, Bytes payload) {
  if (!wire::is_client_message(payload)) return;
  const auto message = wire::decode_client_message(payload);
  if (!message) return;
  if (const auto* ping = std::get_if<wire::Ping>(&*message))
    send(session, wire::Pong{ping->nonce, is_in_battle(session.state) ? session.feed->cache.tick() : 0});
  else if (const auto* hello = std::get_if<wire::Hello>(&*message))
    show_seat(session, *hello);
}

/// To who brings a seat's token: what the seat sees. Whoever sits in it stays there.
void GatewayShard::show_seat(GatewaySession& session, const wire::Hello& hello) {
  if (session.state != SessionState::greeting || hello.reconnect_token.empty()) return;
  if (hello.protocol != wire::kProtocolVersion) return;
  if (stands_on(battle::Rung::no_joins)) return;
  const auto ticket = tickets_.open(hello.reconnect_token, clock_.wall_now());
  if (!ticket || ticket->account != session.transport->identity().account) return;
  const battle::BattleDirectory::Entry entry = links_.directory->find(ticket->battle);
  if (entry == nullptr || !entry->open.load(std::memory_order_relaxed)) return;
  // In lockstep the whole state would have to come first, which takes longer than the handshake.
  if (entry->descriptor->sync.model == world::SyncModel::lockstep) return;
  session.feed = &feed_of(entry);
  session.model = entry->descriptor->sync.model;
  session.state = SessionState::watching;
  session.player = kNoPlayer;
  session.followed = ticket->player;
  counters_.spectators.add(1);
  counters_.early_sights.add();
  admit(session, entry->tick.load(std::memory_order_relaxed), 0, false);
}

/// The peer is there. Its bytes come again from the first one on.
void GatewayShard::start_over(GatewaySession& session) {
  take_out(session, Departure::drop);
  step_outside(session);
  session.early = false;
  session.followed = kNoPlayer;
  session.state = SessionState::greeting;
  session.outside_since = 0;
  deadlines_.set(session, clock_.now() + options_.greeting_timeout_ns);
  session.reader = wire::FrameReader(wire::FrameReaderLimits{});
}

}  // namespace drumline::gateway
