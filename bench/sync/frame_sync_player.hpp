// Predicts his own body in arena and shows the others smoothed.
#pragma once

#include "arena/own_movement.hpp"
#include "bench/sync/sync_player.hpp"
#include "prediction/frame_sync_client.hpp"

namespace drumline::bench {

class FrameSyncPlayer final : public SyncPlayer {
 public:
  using SyncPlayer::SyncPlayer;
  u32 input_delay_ticks() const override { return sync_ ? sync_->input_delay().ticks() : 0; }

 private:
  void on_welcome(client::Client& client, const wire::Welcome& welcome) override;
  void on_frame(client::Client& client) override;
  void on_refused(client::Client&, const wire::Refused& refused) override {
    if (sync_) sync_->on_refused(refused.cmd_id);
  }
  std::optional<Body> draw(client::Client& client, TimeNs now) override;
  world::Command issue(const world::Command& command, TimeNs now) override {
    return sync_->issue(command, now);
  }
  void on_round_trip(i64 sample_ns, TimeNs now) override {
    if (sync_) sync_->on_round_trip(sample_ns, now);
  }
  PredictionCost cost() const override { return jumps_; }

  std::optional<arena::OwnMovement> model_;
  std::optional<prediction::FrameSyncClient<arena::OwnMovement>> sync_;
  std::vector<EntityId> others_;
  Body body_;  ///< as last confirmed
  PredictionCost jumps_;
};

}  // namespace drumline::bench
