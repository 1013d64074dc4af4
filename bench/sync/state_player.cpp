#include "bench/sync/state_player.hpp"

namespace drumline::bench {

void StatePlayer::on_frame(client::Client& client) {
  broadcast::StateDecoder& world = client.world();
  const Tick tick = client.tick();
  playback_.note(tick, now());
  shown_.forget(tick);
  known_.clear();
  world.for_each([&](const broadcast::StateDecoder::Entity& entity) {
    known_.push_back(entity.id());
    if (entity.tick() != world.tick()) return;
    // The other coordinate is smoothed as well, as a game would have to.
    const i64 x = entity.world_value(script().place_field);
    shown_.add(
        entity.id(), tick,
        {world::Fixed::from_raw(x), world::Fixed::from_raw(entity.world_value(script().place_field + 1))});
    if (entity.id() == client.entity()) body_ = Body{{x, x}, sees_itself_free(entity), tick};
  });
}

std::optional<SyncPlayer::Body> StatePlayer::draw(client::Client& client, TimeNs now) {
  const TimeNs moment = playback_.advance(now);
  for (const EntityId id : known_) {
    const auto place = shown_.place_at(id, moment);
    if (place && body_ && id == client.entity()) body_->places.shown = place->x.raw;
  }
  return body_;
}

}  // namespace drumline::bench
