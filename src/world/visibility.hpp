// What a game keeps from some of its players, and what matters most to one of them.
// A game whose players may all know everything needs none of this.
#pragma once

#include <span>

#include "base/ids.hpp"
#include "base/types.hpp"

namespace drumline::world {

struct Event;

/// A set of teams: bit t is team t.
using TeamSet = u16;
inline constexpr u32 kMaxTeams = 16;
inline constexpr TeamSet kAllTeams = 0xFFFF;

/// How many entities a game may name as those that matter most to one player.
inline constexpr u32 kMaxRelevant = 4;

/// Asked after a step about the state as it stands then, on the battle's thread. Reads
/// only and does not allocate; what is derived for the answers is no state. What is
/// hidden from a team is not sent to its players, in no form; spectators see everything.
class Visibility {
 public:
  virtual ~Visibility() = default;

  /// Teams that something may be hidden from, at most kMaxTeams; 0: nothing is hidden
  /// from anybody, and the next three are not asked. The same for the battle's life.
  virtual u32 team_count() const { return 0; }
  /// A seat's team, below team_count(). Players who know different things are in
  /// different teams. Whoever changes his team may learn what his new team knew lately.
  virtual u32 team_of(PlayerSlot /*player*/) const { return 0; }
  /// The teams that must not know of this live entity now. It stands for all of the
  /// entity: one that only some of its fields are secret of is two entities.
  virtual TeamSet hidden_from(EntityId /*entity*/) const { return 0; }
  /// The teams that must not be told of this event of the last step, besides those that
  /// its source or target is hidden from.
  virtual TeamSet also_hidden_from(const Event& /*event*/) const { return 0; }

  /// How many entities relevant_to() names at most, up to kMaxRelevant; 0: it is not
  /// asked. The same for the battle's life.
  virtual u32 most_relevant() const { return 0; }
  /// Puts the entities that matter most to the player into `out` (who targets him, his
  /// team …) and returns how many. What is around them is sent to him at every tick,
  /// however far away, unless it is hidden from his team.
  virtual u32 relevant_to(PlayerSlot /*player*/, std::span<EntityId> /*out*/) const { return 0; }
};

}  // namespace drumline::world
