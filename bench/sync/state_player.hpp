// Shows what it is sent, smoothed: himself as all the others.
#pragma once

#include "bench/sync/sync_player.hpp"
#include "prediction/interpolator.hpp"
#include "prediction/playback_clock.hpp"

namespace drumline::bench {

class StatePlayer final : public SyncPlayer {
 public:
  using SyncPlayer::SyncPlayer;

 private:
  void on_frame(client::Client& client) override;
  std::optional<Body> draw(client::Client& client, TimeNs now) override;

  prediction::Interpolator shown_;
  prediction::PlaybackClock playback_;
  std::vector<EntityId> known_;
  std::optional<Body> body_;  ///< as last confirmed
};

}  // namespace drumline::bench
