// One battle of arena. Lifecycle in arena_rules.cpp, commands in commands.cpp, what it is
// told from outside in tells.cpp, the step in step.cpp.
#pragma once

#include <vector>

#include "arena/components.hpp"
#include "arena/lag_compensation.hpp"
#include "arena/obstacle_index.hpp"
#include "arena/player_grid.hpp"
#include "arena/settings.hpp"
#include "arena/team_visibility.hpp"
#include "arena/tuning.hpp"
#include "base/fixed_vector.hpp"
#include "world/rules.hpp"

namespace drumline::arena {

class ArenaRules final : public world::Rules {
 public:
  ArenaRules(const Settings& settings, const world::BattleSettings& battle);

  world::World& world() override { return world_; }
  const world::World& world() const override { return world_; }

  void on_create() override;
  world::Refusal on_join(PlayerSlot player, const world::Profile& profile) override;
  void on_drop(PlayerSlot player) override;
  void on_reconnect(PlayerSlot player) override;
  void on_leave(PlayerSlot player) override;

  world::Refusal check(PlayerSlot player, const world::Command& command) const override;
  void apply(PlayerSlot player, const world::Command& command) override;
  world::Refusal on_tell(Bytes message) override;
  void step(world::EventList& events) override;

  EntityId entity_of(PlayerSlot player) const override;
  i64 score_of(PlayerSlot player) const override;
  const world::Visibility* visibility() const override { return teams_.has_teams() ? &teams_ : nullptr; }
  world::MapSize map_size() const override { return {side_, side_}; }
  Bytes map_description() const override;
  std::string_view refusal_name(world::Refusal refusal) const override;

 private:
  static constexpr u32 kNobody = 0xFFFF'FFFF;

  u32 now() const { return static_cast<u32>(world_.tick()); }
  Vector place_of(u32 slot) const { return {players_.at<&Player::x>(slot), players_.at<&Player::y>(slot)}; }
  /// The row of a seated player; kNobody when nobody sits there.
  u32 row_of(PlayerSlot player) const;
  template <class Visit>
  void for_each_living(Visit visit) {
    refresh_map();
    players_.for_each([&](u32 slot) {
      if ((players_.at<&Player::flags>(slot) & kFlagDead) == 0) visit(slot);
    });
  }
  /// The obstacle index and the map description follow the obstacles table.
  void refresh_map() const;
  Vector find_free_place();
  void put_at(u32 slot, Vector place);
  void stand_up(u32 slot);
  void fall(u32 slot);
  void stand_still(u32 slot);
  bool create_pickup();

  /// Where the sender of the command saw him, within the bound.
  Vector seen_place_of(u32 slot, const world::Command& command) const;
  world::Refusal check_attack(u32 slot, const world::Command& command) const;
  world::Refusal check_skill(u32 slot, const world::Command& command) const;

  void move_players();
  void expire_flags(u32 slot, u8& flags) const;
  void move_player(u32 slot, u8 flags);
  void act(u32 slot, world::EventList& events);
  void shoot(u32 slot, world::EventList& events);
  void blast(u32 slot, world::EventList& events);
  void move_projectiles(world::EventList& events);
  bool fly(u32 shot, u32 age, world::EventList& events);
  void collect_pickups(world::EventList& events);
  void return_pickups();
  bool are_teammates(EntityId source, u32 victim) const;
  u32 strengthened(u32 slot, u32 damage) const;
  void hurt(EntityId source, u32 victim, u32 damage, world::EventList& events);
  void kill(EntityId source, u32 victim, world::EventList& events);
  void emit(world::EventList& events, EventKind kind, EntityId source, EntityId target, Vector place,
            i32 a = 0, i32 b = 0) const;

  Settings settings_;
  Tuning tuning_;
  u32 max_players_;
  Fixed side_;
  u32 wanted_obstacles_;
  u32 wanted_pickups_;

  world::World world_;
  world::Table<Player>& players_;
  world::Table<Pickup>& pickups_;
  world::Table<PickupReturn>& returns_;
  world::Table<Projectile>& projectiles_;
  world::Table<Seat>& seats_;
  world::Table<ObstacleRow>& obstacles_;
  LagCompensation lag_;  ///< its tables, if there are any, come last

  TeamVisibility teams_;

  // Derived from the tables, and made again whenever they are replaced.
  PlayerGrid grid_;
  FixedVector<u32> acting_;  ///< rows with something pending, in this step
  mutable ObstacleIndex obstacle_index_;
  mutable std::vector<std::byte> map_description_;
  mutable u64 map_version_ = 0;  ///< replaced_count() + 1 of the table they were made from; 0 never
};

}  // namespace drumline::arena
