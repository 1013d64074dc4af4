// The game duel, but for one tick in which a client's build of it does something else.
#pragma once

#include <memory>

#include "duel/duel.hpp"
#include "duel_view/duel_view.hpp"

namespace drumline::testing {

class PlantedDuelRules final : public world::Rules {
 public:
  PlantedDuelRules(std::unique_ptr<world::Rules> rules, const Tick& planted)
      : rules_(std::move(rules)), planted_(planted) {}

  world::World& world() override { return rules_->world(); }
  const world::World& world() const override { return std::as_const(*rules_).world(); }
  void on_create() override { rules_->on_create(); }
  world::Refusal on_join(PlayerSlot player, const world::Profile& profile) override {
    return rules_->on_join(player, profile);
  }
  void on_drop(PlayerSlot player) override { rules_->on_drop(player); }
  void on_reconnect(PlayerSlot player) override { rules_->on_reconnect(player); }
  void on_leave(PlayerSlot player) override { rules_->on_leave(player); }
  world::Refusal check(PlayerSlot player, const world::Command& command) const override {
    return rules_->check(player, command);
  }
  void apply(PlayerSlot player, const world::Command& command) override { rules_->apply(player, command); }
  void step(world::EventList& events) override {
    rules_->step(events);
    if (world().tick() == planted_) world().rng().next_u64();
  }
  EntityId entity_of(PlayerSlot player) const override { return rules_->entity_of(player); }
  i64 score_of(PlayerSlot player) const override { return rules_->score_of(player); }
  world::MapSize map_size() const override { return rules_->map_size(); }
  Bytes map_description() const override { return rules_->map_description(); }
  std::string_view refusal_name(world::Refusal refusal) const override {
    return rules_->refusal_name(refusal);
  }

 private:
  std::unique_ptr<world::Rules> rules_;
  const Tick& planted_;  ///< the game's
};

/// Outlives its battles.
class PlantedDuel final : public world::Game {
 public:
  /// 0: in none yet.
  explicit PlantedDuel(Tick planted = 0) : planted_(planted) {}
  void plant(Tick tick) { planted_ = tick; }

  std::string_view name() const override { return duel::duel_game().name(); }
  std::span<const std::string_view> event_names() const override { return duel::duel_game().event_names(); }
  std::string_view default_rules() const override { return duel::duel_game().default_rules(); }
  Result<std::unique_ptr<world::Rules>> create(std::string_view rules_document,
                                               const world::BattleSettings& settings) const override {
    auto rules = duel::duel_game().create(rules_document, settings);
    if (!rules) return rules;
    return std::unique_ptr<world::Rules>(
        std::make_unique<PlantedDuelRules>(std::move(rules).value(), planted_));
  }

 private:
  Tick planted_;
};

}  // namespace drumline::testing
