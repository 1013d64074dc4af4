#include "bench/sync/frame_sync_player.hpp"

#include "arena_view/arena_view.hpp"
#include "arena_view/map_description.hpp"

namespace drumline::bench {

void FrameSyncPlayer::on_welcome(client::Client&, const wire::Welcome& welcome) {
  const auto map = arena::decode_map_description(welcome.map_description);
  if (!map) return expect(map.error());
  auto model = arena::OwnMovement::make("", *map, world::Fixed::from_raw(welcome.map_width));
  if (!model) return expect(model.error());
  sync_.reset();
  model_.emplace(std::move(*model));
  sync_.emplace(*model_);
}

void FrameSyncPlayer::on_frame(client::Client& client) {
  if (!sync_) return;
  broadcast::StateDecoder& world = client.world();
  const Tick tick = client.tick();
  const TimeNs at = now();
  sync_->on_frame(tick, world.last_sequence(), at);
  others_.clear();
  world.for_each([&](const broadcast::StateDecoder::Entity& entity) {
    if (entity.table().index != arena::kPlayerTable) return;
    const bool own = entity.id() == client.entity();
    if (!own) others_.push_back(entity.id());
    if (entity.tick() != world.tick()) return;
    if (own) {
      const i64 x = entity.world_value(arena::kPlayerX);
      body_ = {{x, x}, sees_itself_free(entity), tick};
      sync_->advance(at);
      const auto& predictor = sync_->predictor();
      const bool was_running = predictor.running();
      const world::Vector was = was_running ? predictor.place() : world::Vector{};
      sync_->on_self(tick, world.last_sequence(),
                     {entity.value(arena::kPlayerX), entity.value(arena::kPlayerY),
                      static_cast<u8>(entity.value(arena::kPlayerFlags))},
                     at);
      if (was_running) jumps_.note_jump(world::length(predictor.place() - was).raw);
    } else {
      sync_->on_other(entity.id(), tick,
                      {world::Fixed::from_raw(entity.world_value(arena::kPlayerX)),
                       world::Fixed::from_raw(entity.world_value(arena::kPlayerY))});
    }
  });
}

std::optional<SyncPlayer::Body> FrameSyncPlayer::draw(client::Client&, TimeNs now) {
  if (!sync_) return std::nullopt;
  sync_->advance(now);
  if (!sync_->running()) return std::nullopt;
  for (const EntityId id : others_) static_cast<void>(sync_->shown_other(id));
  Body body = body_;
  body.places.shown = sync_->shown_self(now).x.raw;
  body.free = body.free && script().is_free(sync_->predictor().state().gait.flags);
  return body;
}

}  // namespace drumline::bench
