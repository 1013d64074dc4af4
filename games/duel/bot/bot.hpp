// A client's brain for duel: sees what a client is sent, decides on commands.
// Deterministic for its seed and what it saw. One thread at a time.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "duel_view/duel_view.hpp"
#include "duel_view/map_description.hpp"
#include "world/rng.hpp"
#include "world/rules.hpp"

namespace drumline::duel {

/// An entity as the latest state frames describe it. `values` are the sent
/// (quantised) values in the order of the table's sent fields, as FighterField,
/// ProjectileField and MatchField number them; the table is in the id.
struct SeenEntity {
  EntityId id;
  std::array<i64, kFighterFieldCount> values{};
};

/// What a bot decides from. Borrowed for the call.
struct BotView {
  Tick tick = 0;
  EntityId self;                         ///< its own fighter; it is in `entities` once it was seen
  std::span<const SeenEntity> entities;  ///< any order
  const MapDescription* map = nullptr;   ///< may be null: then it only stands there
};

class Bot {
 public:
  explicit Bot(u64 seed);

  /// One decision; call about every 3rd to 6th tick. Up to one command, without
  /// sequence and timestamp; none when it has nothing new to say.
  std::optional<world::Command> decide(const BotView& view);

 private:
  struct Scene;
  using Choice = std::optional<world::Command>;

  Choice defend(const Scene& scene);
  Choice attack(const Scene& scene);
  Choice attack_near(const Scene& scene);
  Choice attack_far(const Scene& scene);
  Choice keep_distance(const Scene& scene);
  /// Says what it holds, unless it was said lately.
  Choice hold(const Scene& scene, i32 walk, bool guard);
  Choice jump(const Scene& scene, i32 walk);
  Choice strike(const Scene& scene);
  Choice use(const Scene& scene, Skill skill, i32 x = 0);
  bool happens(u32 percent) { return rng_.below(u64{100}) < percent; }

  world::Rng rng_;
  // Its style, each in percent.
  u32 boldness_;    ///< attacks rather than waits
  u32 watchful_;    ///< sees blows coming
  u32 grappling_;   ///< throws rather than strikes
  u32 sharpshoot_;  ///< keeps away and sends projectiles

  i64 liked_distance_ = 0;  ///< between the bodies' middles, sent units
  Tick liked_until_ = 0;
  Tick threat_began_ = 0;  ///< of the attack that it has decided about
  Tick guard_until_ = 0;
  Tick act_ready_ = 0;  ///< what it did last shows by then
  i32 said_walk_ = 0;
  bool said_guard_ = false;
  Tick said_at_ = 0;
};

}  // namespace drumline::duel
