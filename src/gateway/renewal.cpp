// GatewayShard: battles that were brought back in a new process, or ended with the old one.
#include <algorithm>

#include "gateway/gateway_shard.hpp"

namespace drumline::gateway {
namespace {

using transport::CloseCode;

}  // namespace

void GatewayShard::renew_feeds() {
  std::vector<BattleFeed*> changed;
  for (const auto& [id, feed] : feeds_) {
    const battle::BattleDirectory::Entry entry = links_.directory->find(id);
    if (feed->entry().lost.load() || (entry != nullptr && entry.get() != &feed->entry()))
      changed.push_back(feed.get());
  }
  for (BattleFeed* const feed : changed) {
    battle::BattleDirectory::Entry entry = links_.directory->find(feed->id());
    if (entry == nullptr || entry.get() == &feed->entry())
      end_battle(*feed);
    else
      renew(*feed, std::move(entry));
  }
}

/// The battle is the same and knows none of its sessions: each takes its seat again. What they
/// said since its last tick is lost with the process, like datagrams on their way.
void GatewayShard::renew(BattleFeed& feed, battle::BattleDirectory::Entry entry) {
  std::vector<GatewaySession*> seating;
  for (auto& session : sessions_) {
    if (!session || session->feed != &feed) continue;
    if (session->state == SessionState::seating) {
      release_claim(*session);
      seating.push_back(&*session);
    }
  }
  feed.renew(std::move(entry));
  battle::Inbound resync;
  resync.kind = battle::Inbound::Kind::resync;
  forward(feed, resync);
  for (auto& session : sessions_) {
    if (!session || session->feed != &feed || !is_in_battle(session->state)) continue;
    session->last_state_tick = 0;
    if (session->state == SessionState::playing) {
      battle::Inbound inbound;
      inbound.kind = battle::Inbound::Kind::resume;
      inbound.session = session->id;
      inbound.player = session->player;
      inbound.seat_generation = session->seat_generation;
      inbound.profile = {};
      inbound.profile.account = session->transport->identity().account;
      forward(feed, inbound);
    }
    if (session->lockstep != nullptr) {
      *session->lockstep = {};
      forward(*session, battle::Inbound::Kind::watch);
    }
  }
  for (GatewaySession* const session : seating) seek_again(*session);
}

/// Whether it got a seat is not known; it asks anew, once, as it may be what the battle fails on.
void GatewayShard::seek_again(GatewaySession& session) {
  if (session.sought_again) {
    say_goodbye(session, CloseCode::idle, "the battle failed again while it gave a seat; try later", 5000);
    return;
  }
  session.sought_again = true;
  session.state = SessionState::greeting;
  const wire::Hello hello = session.hello;
  if (find_battle(session, hello)) enter(session, hello);
}

}  // namespace drumline::gateway
