// How a bot sees the world that its client keeps.
#pragma once

#include <algorithm>
#include <vector>

#include "bots/player.hpp"

namespace drumline::bots {

/// Replaces `seen` (entities with `id` and an array of `values`) by what the newest
/// datagram told of, some `most` of the nearest; by all that is known when `most` is 0,
/// when that does not tell of the bot itself, or when this look is one that is counted.
template <class Seen>
void look(client::Client& client, Locker& locker, std::size_t most, std::vector<Seen>& seen) {
  // Of the looks of all bots; prime, so that every bot has its turn.
  constexpr u64 count_every = 61;
  broadcast::StateDecoder& world = client.world();
  const EntityId self = client.entity();
  bool sees_self = false;
  u64 fresh = 0;
  const auto see = [&](const broadcast::StateDecoder::Entity& entity) {
    Seen& next = seen.emplace_back();
    next.id = entity.id();
    const std::size_t fields = std::min(entity.table().fields.size(), next.values.size());
    for (std::size_t f = 0; f < fields; ++f) next.values[f] = entity.value(f);
    if (entity.tick() == world.tick()) ++fresh;
    if (next.id == self) sees_self = true;
  };
  seen.clear();
  locker.sights.look(client);
  const bool counts = ++locker.looks % count_every == 0;
  if (!counts) world.for_each_told(most, see);
  if (sees_self) return;
  seen.clear();
  fresh = 0;
  world.for_each(see);
  if (!counts) return;
  ++locker.frames_sampled;
  locker.entities_fresh += fresh;
  locker.entities_known += seen.size();
}

}  // namespace drumline::bots
