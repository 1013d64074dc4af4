#include "bots/arena_player.hpp"

#include "bots/look.hpp"

namespace drumline::bots {
namespace {

// A decision takes what is nearest into account, and not all that is in sight.
constexpr std::size_t kLooksAt = 48;
// Less is what is not sent of a place.
constexpr world::Fixed kCorrection = world::Fixed::from_ratio(1, 16);

}  // namespace

void ArenaPlayer::learn(const wire::Welcome& welcome) {
  sync_.reset();
  const Bytes description = welcome.map_description;
  auto& shared = shared_.maps[{description.begin(), description.end()}];
  if (!shared) {
    if (auto map = arena::decode_map_description(description)) {
      auto known = std::make_shared<ArenaLocker::Map>();
      known->description = std::move(*map);
      auto movement =
          arena::OwnMovement::make("", known->description, world::Fixed::from_raw(welcome.map_width));
      if (movement) known->movement.emplace(std::move(*movement));
      shared = std::move(known);
    }
  }
  map_ = shared;
  const bool predicts = welcome.model == world::SyncModel::frame_sync && !only_watches();
  if (predicts && map_ && map_->movement) sync_.emplace(*map_->movement);
}

void ArenaPlayer::see(client::Client& client) {
  if (!sync_) return;
  const client::BattleTime& time = client.battle_time();
  const TimeNs now = time.at(locker().clock->now());
  if (const i64 round_trip_ns = client.statistics().round_trip_ns; round_trip_ns != round_trip_ns_) {
    round_trip_ns_ = round_trip_ns;
    sync_->on_round_trip(time.span(round_trip_ns), now);
  }
  broadcast::StateDecoder& world = client.world();
  sync_->on_frame(client.tick(), world.last_sequence(), now);
  sync_->advance(now);
  broadcast::StateDecoder::Entity self;
  if (!world.find(client.entity(), self) || self.tick() != world.tick()) return;
  const auto& predictor = sync_->predictor();
  const bool compares = predictor.running();
  const world::Vector was = compares ? predictor.place() : world::Vector{};
  sync_->on_self(client.tick(), world.last_sequence(),
                 {self.value(arena::kPlayerX), self.value(arena::kPlayerY),
                  static_cast<u8>(self.value(arena::kPlayerFlags))},
                 now);
  if (!compares) return;
  ++locker().places_predicted;
  locker().places_corrected += world::length(predictor.place() - was) > kCorrection;
}

void ArenaPlayer::forget(u32 sequence) {
  if (sync_) sync_->on_refused(sequence);
}

world::Command ArenaPlayer::timed(const world::Command& command, TimeNs now) {
  return sync_ ? sync_->issue(command, now) : command;
}

void ArenaPlayer::take_turn(client::Client& client) {
  look(client, locker(), kLooksAt, shared_.seen);
  if (only_watches()) return;
  if (sync_ && sync_->running()) {
    const world::Vector place = sync_->predictor().place();
    for (arena::SeenEntity& seen : shared_.seen) {
      if (seen.id != client.entity()) continue;
      seen.values[arena::kPlayerX] = place.x.raw >> arena::kSentPositionShift;
      seen.values[arena::kPlayerY] = place.y.raw >> arena::kSentPositionShift;
    }
  }
  const wire::Welcome& welcome = client.welcome();
  arena::BotView view;
  view.tick = client.tick();
  view.self = client.entity();
  view.entities = shared_.seen;
  view.map = map_ ? &map_->description : nullptr;
  view.map_size = {world::Fixed::from_raw(welcome.map_width), world::Fixed::from_raw(welcome.map_height)};
  if (const auto command = bot_.decide(view)) send(client, *command);
}

}  // namespace drumline::bots
