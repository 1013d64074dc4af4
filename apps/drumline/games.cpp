#include "games.hpp"

#include "arena/arena.hpp"
#include "duel/duel.hpp"

namespace drumline::app {

const std::vector<const world::Game*>& games() {
  static const std::vector<const world::Game*> all{&arena::arena_game(), &duel::duel_game()};
  return all;
}

const world::Game* find_game(std::string_view name) {
  for (const world::Game* game : games()) {
    if (game->name() == name) return game;
  }
  return nullptr;
}

}  // namespace drumline::app
