#include "bots/sight_sample.hpp"

namespace drumline::bots {
namespace {

// Of one look: entities from all over what the client knows, in no order.
constexpr std::size_t kOfALook = 64;

}  // namespace

void SightSample::take(client::Client& client) {
  broadcast::StateDecoder& world = client.world();
  std::size_t left = std::min(kOfALook, most_ - std::min(most_, sights_.size()));
  world.for_each([&](const broadcast::StateDecoder::Entity& entity) {
    if (left == 0) return;
    --left;
    broadcast::Sight& sight = sights_.emplace_back();
    sight.battle = client.welcome().battle;
    // The client knows the whole tick of its newest frame; this is of that one or of one before.
    sight.tick = client.tick() - static_cast<Tick>(world.tick() - entity.tick());
    sight.entity = entity.id();
    for (std::size_t f = 0; f < entity.table().fields.size(); ++f) sight.values.push_back(entity.value(f));
  });
}

}  // namespace drumline::bots
