// A bot of arena.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "arena_bot/bot.hpp"
#include "bots/player.hpp"

namespace drumline::bots {

/// What the arena's bots of one thread share: scratch memory and the map.
struct ArenaLocker {
  /// Every bot of a battle is sent the same map: it is kept once.
  std::map<std::vector<std::byte>, std::shared_ptr<const arena::MapDescription>> maps;
  std::vector<arena::SeenEntity> seen;
};

/// One thread. The lockers outlive it.
class ArenaPlayer final : public Player {
 public:
  ArenaPlayer(Locker& locker, ArenaLocker& shared, const PlayerOptions& options)
      : Player(locker, options), shared_(shared), seed_(options.seed), bot_(options.seed) {}

 private:
  void begin() override { bot_ = arena::Bot(seed_); }
  void learn(Bytes map_description) override;
  void take_turn(client::Client& client) override;

  ArenaLocker& shared_;
  u64 seed_;
  arena::Bot bot_;
  std::shared_ptr<const arena::MapDescription> map_;
};

}  // namespace drumline::bots
