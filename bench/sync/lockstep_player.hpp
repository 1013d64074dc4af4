// Runs the battle itself, ahead of the server's word.
#pragma once

#include <vector>

#include "bench/sync/sync_player.hpp"
#include "lockstep/lockstep_client.hpp"

namespace drumline::bench {

class LockstepPlayer final : public SyncPlayer, private lockstep::LockstepListener {
 public:
  LockstepPlayer(const Script& script, const env::Clock& clock, u64 seed);
  u32 input_delay_ticks() const override { return lockstep_.input_delay().ticks(); }

 private:
  void on_welcome(client::Client&, const wire::Welcome& welcome) override { lockstep_.begin(welcome); }
  void on_snapshot_part(client::Client&, const wire::SnapshotPart& part) override {
    expect(lockstep_.on_snapshot_part(part));
  }
  void on_lockstep_frame(client::Client&, Bytes datagram) override {
    expect(lockstep_.on_frame(datagram, now()));
  }
  void on_ticks(client::Client&, const wire::Ticks& ticks) override { expect(lockstep_.on_ticks(ticks)); }
  void on_refused(client::Client&, const wire::Refused& refused) override { lockstep_.on_refused(refused); }

  void on_mismatch(const lockstep::HashMismatch& mismatch) override;

  std::optional<Body> draw(client::Client& client, TimeNs now) override;
  world::Command issue(const world::Command& command, TimeNs now) override {
    return lockstep_.issue(command, now);
  }
  void on_round_trip(i64 sample_ns, TimeNs now) override { lockstep_.on_round_trip(sample_ns, now); }
  PredictionCost cost() const override;

  void look_for_jumps(EntityId self);

  /// Where another body was shown.
  struct Shown {
    u32 slot = 0;
    i64 x = 0, y = 0;
  };

  lockstep::LockstepClient lockstep_;
  std::vector<Shown> others_, others_before_;  ///< ascending by slot; as of the last looks
  Tick shown_tick_ = 0;
  PredictionCost jumps_;
  std::vector<wire::ClientMessage> messages_;
};

}  // namespace drumline::bench
