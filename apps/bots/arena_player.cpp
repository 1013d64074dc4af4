#include "bots/arena_player.hpp"

#include "bots/look.hpp"

namespace drumline::bots {
namespace {

// A decision takes what is nearest into account, and not all that is in sight.
constexpr std::size_t kLooksAt = 48;

}  // namespace

void ArenaPlayer::learn(Bytes map_description) {
  auto& shared = shared_.maps[{map_description.begin(), map_description.end()}];
  if (!shared) {
    if (auto map = arena::decode_map_description(map_description)) {
      shared = std::make_shared<const arena::MapDescription>(std::move(*map));
    }
  }
  map_ = shared;
}

void ArenaPlayer::take_turn(client::Client& client) {
  look(client, locker(), kLooksAt, shared_.seen);
  if (only_watches()) return;
  const wire::Welcome& welcome = client.welcome();
  arena::BotView view;
  view.tick = client.tick();
  view.self = client.entity();
  view.entities = shared_.seen;
  view.map = map_.get();
  view.map_size = {world::Fixed::from_raw(welcome.map_width), world::Fixed::from_raw(welcome.map_height)};
  if (const auto command = bot_.decide(view)) send(client, *command);
}

}  // namespace drumline::bots
