#include "bots/duel_player.hpp"

#include "bots/look.hpp"

namespace drumline::bots {

void DuelPlayer::learn(const wire::Welcome& welcome) {
  map_.reset();
  if (const auto map = duel::decode_map_description(welcome.map_description)) map_ = *map;
}

void DuelPlayer::take_turn(client::Client& client) {
  // All that there is: two fighters, their projectiles, the match.
  look(client, locker(), 0, shared_.seen);
  if (only_watches()) return;
  duel::BotView view;
  view.tick = client.tick();
  view.self = client.entity();
  view.entities = shared_.seen;
  view.map = map_ ? &*map_ : nullptr;
  if (const auto command = bot_.decide(view)) send(client, *command);
}

}  // namespace drumline::bots
