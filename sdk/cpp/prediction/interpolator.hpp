// Other entities, shown between the states that came of them. Sans-I/O; the moment to
// show is PlaybackClock's.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "world/fixed_math.hpp"

namespace drumline::prediction {

struct InterpolatorOptions {
  std::size_t max_entities = 1024;  ///< past it the one not heard of the longest is forgotten
  u32 forget_ticks = 128;           ///< without a word
  /// Between states further apart than this nothing is shown in between: a respawn.
  world::Fixed teleport = world::Fixed::from_int(4);
};

/// Linear between two states; before the first and after the last it stands still, as a
/// guess of where another player goes would have to be taken back.
class Interpolator {
 public:
  explicit Interpolator(const InterpolatorOptions& options = {});

  /// Where the entity was in `tick`. Old ones and repeats are passed over.
  void add(EntityId id, Tick tick, world::Vector place);
  /// Forgets those not heard of for long.
  void forget(Tick newest);
  /// Where to show it at `battle_ns` (ticks in nanoseconds); none when it is not known.
  std::optional<world::Vector> place_at(EntityId id, TimeNs battle_ns) const;
  std::size_t size() const { return tracks_.size(); }

 private:
  struct Sample {
    Tick tick = 0;
    world::Vector place;
  };
  /// The last states of an entity: at one a tick they reach back 500 ms, past the longest delay.
  struct Track {
    static constexpr std::size_t kSamples = 32;
    u64 id = 0;
    std::size_t count = 0;  ///< ever added
    std::array<Sample, kSamples> samples;
    const Sample& newest() const { return samples[(count - 1) % kSamples]; }
  };

  std::vector<Track>::iterator lower_bound(u64 id);

  InterpolatorOptions options_;
  std::vector<Track> tracks_;  ///< ascending by id
};

}  // namespace drumline::prediction
