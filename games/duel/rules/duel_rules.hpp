// One battle of duel. Lifecycle and what it tells in duel_rules.cpp, commands in
// commands.cpp; a step is a line for each of match, fighter and blows.
#pragma once

#include <vector>

#include "duel/scene.hpp"
#include "duel/settings.hpp"
#include "duel/tuning.hpp"
#include "world/rules.hpp"

namespace drumline::duel {

class DuelRules final : public world::Rules {
 public:
  DuelRules(const Settings& settings, const world::BattleSettings& battle);

  world::World& world() override { return world_; }
  const world::World& world() const override { return world_; }

  void on_create() override;
  world::Refusal on_join(PlayerSlot player, const world::Profile& profile) override;
  void on_drop(PlayerSlot player) override;
  void on_reconnect(PlayerSlot player) override;
  void on_leave(PlayerSlot player) override;
  world::Refusal on_tell(Bytes message) override;
  bool on_ask(Bytes question, std::vector<std::byte>& answer) const override;
  bool finished() const override;

  world::Refusal check(PlayerSlot player, const world::Command& command) const override;
  void apply(PlayerSlot player, const world::Command& command) override;
  void step(world::EventList& events) override;

  EntityId entity_of(PlayerSlot player) const override;
  i64 score_of(PlayerSlot player) const override;
  world::MapSize map_size() const override { return {tuning_.stage_width, tuning_.stage_height}; }
  Bytes map_description() const override { return map_description_; }
  std::string_view refusal_name(world::Refusal refusal) const override;

 private:
  static constexpr u32 kNobody = kFighters;

  u32 now() const { return static_cast<u32>(world_.tick()); }
  Phase phase() const { return static_cast<Phase>(match_.at<&Match::phase>(0)); }
  /// The row of a seated player; kNobody when nobody sits there.
  u32 row_of(PlayerSlot player) const;
  void let_go(u32 slot);

  world::Refusal check_turn(u32 slot, const world::Command& command) const;
  world::Refusal check_action(u32 slot, Queued action) const;

  Scene take_scene(world::EventList& events) const;
  void put_scene(const Scene& scene);

  Tuning tuning_;
  u32 max_players_;
  std::vector<std::byte> map_description_;  ///< a function of the rules document alone

  world::World world_;
  world::Table<Fighter>& fighters_;
  ProjectileTable& projectiles_;
  world::Table<Match>& match_;
};

}  // namespace drumline::duel
