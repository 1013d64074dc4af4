// A client that runs duel itself, in lockstep, driven from the test's own thread.
#pragma once

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "client/client.hpp"
#include "duel/duel.hpp"
#include "duel_view/duel_view.hpp"
#include "env/clock.hpp"
#include "lockstep/lockstep_client.hpp"
#include "world/rng.hpp"

namespace drumline::testing {

/// A whole client: what the server says goes to its LockstepClient, which is shown and played.
class LockstepPlayer final : public client::ClientListener, public lockstep::LockstepListener {
 public:
  LockstepPlayer(const world::Game& game, const env::Clock& clock)
      : lockstep(game, {}, *this), clock_(clock) {}

  void on_welcome(client::Client&, const wire::Welcome& welcome) override {
    EXPECT_EQ(welcome.model, world::SyncModel::lockstep);
    battles.push_back(welcome.battle);
    hashes.clear();
    lockstep.begin(welcome);
  }
  void on_snapshot_part(client::Client&, const wire::SnapshotPart& part) override {
    expect_ok(lockstep.on_snapshot_part(part));
  }
  void on_lockstep_frame(client::Client&, Bytes datagram) override {
    expect_ok(lockstep.on_frame(datagram, clock_.now()));
  }
  void on_ticks(client::Client&, const wire::Ticks& ticks) override { expect_ok(lockstep.on_ticks(ticks)); }
  void on_refused(client::Client&, const wire::Refused& refused) override { lockstep.on_refused(refused); }

  void on_started(Tick tick) override { started.push_back(tick); }
  void on_mismatch(const lockstep::HashMismatch& mismatch) override { mismatches.push_back(mismatch); }
  void on_confirmed(const battle::TickOutcome& outcome) override {
    hashes[outcome.tick] = outcome.state_hash;
    for (const battle::Input& input : outcome.accepted) commands += input.kind == battle::InputKind::command;
  }

  void play(client::Client& client) {
    if (!client.playing()) return;
    const TimeNs now = clock_.now();
    if (const i64 round_trip_ns = client.statistics().round_trip_ns; round_trip_ns != round_trip_ns_) {
      round_trip_ns_ = round_trip_ns;
      lockstep.on_round_trip(round_trip_ns, now);
    }
    expect_ok(lockstep.advance(now));
    client.set_sync(lockstep.sync(), now);
    client.confirm(lockstep.confirmed_sequence());
    std::vector<wire::ClientMessage> messages;
    lockstep.take_messages(messages);
    for (const wire::ClientMessage& message : messages) client.tell(message);
    if (!lockstep.running() || now < act_at_) return;
    act_at_ = now + static_cast<i64>(50 + rng_.below(u64{150})) * kMillisecondNs;
    world::Command command;
    command.action = static_cast<world::Action>(rng_.below(u64{3}));
    command.skill = static_cast<u8>(rng_.below(u64{duel::kSkillCount}));
    command.x = (static_cast<i32>(rng_.below(u64{3})) - 1) * duel::kDirectionLimit;
    command.sequence = client.next_sequence();
    EXPECT_EQ(client.send(lockstep.issue(command, now), 1, now), command.sequence);
  }

  lockstep::LockstepClient lockstep;
  std::vector<Tick> started;
  std::vector<lockstep::HashMismatch> mismatches;
  std::map<Tick, u64> hashes;  ///< of the newest battle
  std::vector<BattleId> battles;
  u64 commands = 0;

  Tick newest() const { return hashes.empty() ? 0 : hashes.rbegin()->first; }
  /// Every tick from `from` on to the newest was confirmed.
  bool lacks_none_since(Tick from) const {
    return std::distance(hashes.lower_bound(from), hashes.end()) == static_cast<i64>(newest() - from + 1);
  }

 private:
  static void expect_ok(const Result<void>& result) { EXPECT_TRUE(result.ok()) << result.error().message; }

  const env::Clock& clock_;
  world::Rng rng_{11};
  i64 round_trip_ns_ = 0;
  TimeNs act_at_ = 0;
};

}  // namespace drumline::testing
