// A client's brain for arena: sees what a client is sent, decides on commands.
// Deterministic for its seed and what it saw. One thread at a time.
#pragma once

#include <optional>
#include <span>

#include "arena_view/arena_view.hpp"
#include "arena_view/map_description.hpp"
#include "world/fixed_math.hpp"
#include "world/rng.hpp"
#include "world/rules.hpp"

namespace drumline::arena {

/// An entity as the latest state frames describe it. `values` are the sent
/// (quantised) values in the order of the table's sent fields, as PlayerField and
/// PickupField number them; the table is in the id.
struct SeenEntity {
  EntityId id;
  std::array<i64, 8> values{};
};

/// What a bot decides from. Borrowed for the call.
struct BotView {
  Tick tick = 0;
  EntityId self;                         ///< its own entity; it is in `entities` once it was seen
  std::span<const SeenEntity> entities;  ///< any order; only the first kMaxLookedAt are looked at
  const MapDescription* map = nullptr;   ///< may be null: then it walks without looking
  world::MapSize map_size;
};

class Bot {
 public:
  static constexpr std::size_t kMaxLookedAt = 256;

  explicit Bot(u64 seed);

  /// One decision; call about every 3rd to 6th tick. Up to one command, without
  /// sequence and timestamp; none when it has nothing new to say.
  std::optional<world::Command> decide(const BotView& view);

 private:
  struct Scene;

  std::optional<world::Command> fight(const Scene& scene);
  world::Vector choose_way(const Scene& scene);
  world::Vector wander(const Scene& scene);
  world::Vector around_obstacles(const Scene& scene, world::Vector way) const;

  world::Rng rng_;
  u8 courage_;    ///< health in points below which it runs away
  u8 skill_;      ///< aim: spread in binary angles is larger for lower skill
  bool shooter_;  ///< keeps its distance
  world::Vector goal_;
  Tick goal_until_ = 0;
  Tick strafe_until_ = 0;
  i32 strafe_ = 1;
  Tick attack_ready_ = 0;
  std::array<Tick, kSkillCount> skill_ready_{};
  i32 sent_x_ = 0, sent_y_ = 0;  ///< the last move command
  Tick sent_at_ = 0;
};

}  // namespace drumline::arena
