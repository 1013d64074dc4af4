// A bot of duel.
#pragma once

#include <optional>
#include <vector>

#include "bots/player.hpp"
#include "duel_bot/bot.hpp"

namespace drumline::bots {

/// What the duel's bots of one thread share: scratch memory.
struct DuelLocker {
  std::vector<duel::SeenEntity> seen;
};

/// One thread. The lockers outlive it.
class DuelPlayer final : public Player {
 public:
  DuelPlayer(Locker& locker, DuelLocker& shared, const PlayerOptions& options)
      : Player(locker, options), shared_(shared), seed_(options.seed), bot_(options.seed) {}

 private:
  void begin() override { bot_ = duel::Bot(seed_); }
  void learn(const wire::Welcome& welcome) override;
  void take_turn(client::Client& client) override;

  DuelLocker& shared_;
  u64 seed_;
  duel::Bot bot_;
  std::optional<duel::MapDescription> map_;
};

}  // namespace drumline::bots
