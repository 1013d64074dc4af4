#include "bench/sync/sync_player.hpp"

#include <algorithm>

#include "arena/arena.hpp"
#include "bench/sync/frame_sync_player.hpp"
#include "bench/sync/lockstep_player.hpp"
#include "bench/sync/state_player.hpp"

namespace drumline::bench {
namespace {

// He turns round so often, once he has seen the last turn; in between he may do something else.
constexpr i64 kWalkNs = 500 * kMillisecondNs;
constexpr u64 kWalkSpreadMs = 200;
constexpr i64 kActNs = 250 * kMillisecondNs;
constexpr u64 kActSpreadMs = 250;

}  // namespace

void PredictionCost::note_jump(i64 by) {
  if (by <= kJump) return;
  ++jumps;
  jumped += static_cast<double>(by) / static_cast<double>(world::Fixed::from_int(1).raw);
}

void PredictionCost::add(const PredictionCost& other) {
  jumps += other.jumps;
  jumped += other.jumped;
  rollbacks += other.rollbacks;
  resimulated_ticks += other.resimulated_ticks;
  late_commands += other.late_commands;
}

void SyncPlayer::restart() {
  probe_.restart();
  cost_before_ = cost();
  commands_ = 0;
  longest_stall_ns_ = 0;
  confirmed_at_ = now();
}

PredictionCost SyncPlayer::prediction_cost() const {
  PredictionCost since = cost();
  since.jumps -= cost_before_.jumps;
  since.jumped -= cost_before_.jumped;
  since.rollbacks -= cost_before_.rollbacks;
  since.resimulated_ticks -= cost_before_.resimulated_ticks;
  since.late_commands -= cost_before_.late_commands;
  return since;
}

void SyncPlayer::play(client::Client& client) {
  if (!client.playing()) return;
  const TimeNs now = clock_.now();
  if (const i64 round_trip_ns = client.statistics().round_trip_ns; round_trip_ns != round_trip_ns_) {
    round_trip_ns_ = round_trip_ns;
    on_round_trip(round_trip_ns, now);
  }
  const std::optional<Body> body = draw(client, now);
  shows_ = body.has_value();
  if (!body) return;
  if (body->confirmed_tick != confirmed_tick_) {
    confirmed_tick_ = body->confirmed_tick;
    confirmed_at_ = now;
  }
  longest_stall_ns_ = std::max(longest_stall_ns_, now - confirmed_at_);
  probe_.look(body->places, now);
  if (!body->free) probe_.disturb();
  act(client, *body, now);
}

void SyncPlayer::act(client::Client& client, const Body& body, TimeNs now) {
  const auto spread = [&](u64 ms) { return static_cast<i64>(rng_.below(ms)) * kMillisecondNs; };
  if (!body.free || probe_.open()) return;
  if (now >= walk_at_) {
    // At first away from who began on the other side, so that nobody stands in his way.
    if (direction_ == 0) direction_ = client.player().value % 2 == 0 ? 1 : -1;
    direction_ = -direction_;
    probe_.press(direction_, body.places, now);
    send(client, script_.walk(direction_), now);
    walk_at_ = now + kWalkNs + spread(kWalkSpreadMs);
    act_at_ = now + kActNs + spread(kActSpreadMs);
  } else if (now >= act_at_) {
    send(client, script_.act(rng_), now);
    walk_at_ = std::max(walk_at_, now + round_trip_ns_ + script_.act_holds_ns);
    act_at_ = INT64_MAX;
  }
}

void SyncPlayer::send(client::Client& client, world::Command command, TimeNs now) {
  command.sequence = client.next_sequence();
  command.entity = client.entity();
  client.send(issue(command, now), static_cast<u64>(clock_.wall_now() / kMillisecondNs), now);
  ++commands_;
}

std::unique_ptr<SyncPlayer> make_sync_player(world::SyncModel model, const Script& script,
                                             const env::Clock& clock, u64 seed) {
  switch (model) {
    case world::SyncModel::lockstep:
      return std::make_unique<LockstepPlayer>(script, clock, seed);
    case world::SyncModel::state_broadcast:
      return std::make_unique<StatePlayer>(script, clock, seed);
    case world::SyncModel::frame_sync:
      if (script.game != &arena::arena_game()) return nullptr;
      return std::make_unique<FrameSyncPlayer>(script, clock, seed);
  }
  return nullptr;
}

}  // namespace drumline::bench
