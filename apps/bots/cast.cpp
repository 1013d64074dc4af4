#include "bots/cast.hpp"

#include <array>

#include "bots/arena_player.hpp"
#include "bots/duel_player.hpp"

namespace drumline::bots {
namespace {

template <class GamePlayer, class Shared>
class CastOf final : public Cast {
 public:
  static std::unique_ptr<Cast> create() { return std::make_unique<CastOf>(); }
  std::unique_ptr<Player> make(Locker& locker, const PlayerOptions& options) override {
    return std::make_unique<GamePlayer>(locker, shared_, options);
  }

 private:
  Shared shared_;
};

struct Entry {
  std::string_view game;
  std::unique_ptr<Cast> (*create)();
};

constexpr std::array kCasts{Entry{"arena", CastOf<ArenaPlayer, ArenaLocker>::create},
                            Entry{"duel", CastOf<DuelPlayer, DuelLocker>::create}};

}  // namespace

std::vector<std::string> games_with_bots() {
  std::vector<std::string> games;
  for (const Entry& entry : kCasts) games.emplace_back(entry.game);
  return games;
}

std::unique_ptr<Cast> cast_for(std::string_view game) {
  for (const Entry& entry : kCasts) {
    if (entry.game == game) return entry.create();
  }
  return nullptr;
}

}  // namespace drumline::bots
