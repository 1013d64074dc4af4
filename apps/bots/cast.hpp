// Which games there are bots for, and who plays them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bots/player.hpp"

namespace drumline::bots {

/// Makes the players of one game for one thread, and keeps what they share; outlives them.
class Cast {
 public:
  virtual ~Cast() = default;
  virtual std::unique_ptr<Player> make(Locker& locker, const PlayerOptions& options) = 0;
};

/// The names of the games that bots play.
std::vector<std::string> games_with_bots();

/// Nothing when there is no bot for the game.
std::unique_ptr<Cast> cast_for(std::string_view game);

}  // namespace drumline::bots
