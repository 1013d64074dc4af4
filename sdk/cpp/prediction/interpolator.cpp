#include "prediction/interpolator.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace drumline::prediction {

using world::Fixed;
using world::Vector;

Interpolator::Interpolator(const InterpolatorOptions& options) : options_(options) {
  DRUM_ASSERT(options.max_entities > 0);
}

std::vector<Interpolator::Track>::iterator Interpolator::lower_bound(u64 id) {
  return std::lower_bound(tracks_.begin(), tracks_.end(), id,
                          [](const Track& track, u64 wanted) { return track.id < wanted; });
}

void Interpolator::add(EntityId id, Tick tick, Vector place) {
  auto track = lower_bound(id.value);
  if (track == tracks_.end() || track->id != id.value) {
    if (tracks_.size() == options_.max_entities) {
      tracks_.erase(std::min_element(tracks_.begin(), tracks_.end(), [](const Track& a, const Track& b) {
        return a.newest().tick < b.newest().tick;
      }));
      track = lower_bound(id.value);
    }
    track = tracks_.insert(track, Track{});
    track->id = id.value;
  } else if (tick <= track->newest().tick) {
    return;
  }
  track->samples[track->count % Track::kSamples] = {tick, place};
  ++track->count;
}

void Interpolator::forget(Tick newest) {
  std::erase_if(tracks_, [&](const Track& t) { return t.newest().tick + options_.forget_ticks < newest; });
}

std::optional<Vector> Interpolator::place_at(EntityId id, TimeNs battle_ns) const {
  const auto track = std::lower_bound(tracks_.begin(), tracks_.end(), id.value,
                                      [](const Track& t, u64 wanted) { return t.id < wanted; });
  if (track == tracks_.end() || track->id != id.value) return std::nullopt;
  const auto time_of = [](const Sample& sample) { return static_cast<i64>(sample.tick) * kTickNs; };
  const Sample* after = &track->newest();
  if (battle_ns >= time_of(*after)) return after->place;
  const std::size_t kept = std::min(track->count, Track::kSamples);
  for (std::size_t back = 2; back <= kept; ++back) {
    const Sample& before = track->samples[(track->count - back) % Track::kSamples];
    if (battle_ns >= time_of(before)) {
      const Vector way = after->place - before.place;
      if (world::length(way) > options_.teleport) return before.place;
      const i64 whole = time_of(*after) - time_of(before);
      const i64 gone = battle_ns - time_of(before);
      const auto share = [&](Fixed length) { return Fixed::from_raw(length.raw * gone / whole); };
      return before.place + Vector{share(way.x), share(way.y)};
    }
    after = &before;
  }
  return after->place;
}

}  // namespace drumline::prediction
