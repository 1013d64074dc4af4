// A bot of arena.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "arena/own_movement.hpp"
#include "arena_bot/bot.hpp"
#include "bots/player.hpp"
#include "prediction/frame_sync_client.hpp"

namespace drumline::bots {

/// What the arena's bots of one thread share: scratch memory and the map.
struct ArenaLocker {
  struct Map {
    arena::MapDescription description;
    /// By the default rules: where a battle has others its frames put the bots right.
    std::optional<arena::OwnMovement> movement;
  };
  /// Every bot of a battle is sent the same map: it is kept once.
  std::map<std::vector<std::byte>, std::shared_ptr<const Map>> maps;
  std::vector<arena::SeenEntity> seen;
};

/// In frame sync it predicts itself as a player's client does: it decides by where it will
/// be, and says in which tick its commands are to be applied. One thread. The lockers
/// outlive it.
class ArenaPlayer final : public Player {
 public:
  ArenaPlayer(Locker& locker, ArenaLocker& shared, const PlayerOptions& options)
      : Player(locker, options), shared_(shared), seed_(options.seed), bot_(options.seed) {}

 private:
  void begin() override { bot_ = arena::Bot(seed_); }
  void learn(const wire::Welcome& welcome) override;
  void see(client::Client& client) override;
  void take_turn(client::Client& client) override;
  void forget(u32 sequence) override;
  world::Command timed(const world::Command& command, TimeNs now) override;

  ArenaLocker& shared_;
  u64 seed_;
  arena::Bot bot_;
  std::shared_ptr<const ArenaLocker::Map> map_;
  std::optional<prediction::FrameSyncClient<arena::OwnMovement>> sync_;  ///< refers to map_
  i64 round_trip_ns_ = 0;
};

}  // namespace drumline::bots
