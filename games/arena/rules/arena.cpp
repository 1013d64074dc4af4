#include "arena/arena.hpp"

#include "arena/arena_rules.hpp"

namespace drumline::arena {
namespace {

class ArenaGame final : public world::Game {
 public:
  std::string_view name() const override { return "arena"; }
  std::span<const std::string_view> event_names() const override { return kEventNames; }
  std::string_view default_rules() const override { return default_rules_document(); }
  Result<std::unique_ptr<world::Rules>> create(std::string_view rules_document,
                                               const world::BattleSettings& battle) const override {
    if (battle.max_players == 0 || battle.max_players > kMaxPlayers) {
      return Error{ErrorCode::invalid_argument, "arena: max_players is " +
                                                    std::to_string(battle.max_players) +
                                                    "; it must be from 1 to " + std::to_string(kMaxPlayers)};
    }
    Result<Settings> settings = read_settings(rules_document);
    if (!settings) return std::move(settings).error();
    if (settings->map.area_per_player_units2 * battle.max_players > kMaxMapSide * kMaxMapSide) {
      return Error{ErrorCode::invalid_argument,
                   "arena rules: 'map.area_per_player_units2' is " +
                       std::to_string(settings->map.area_per_player_units2) + "; for " +
                       std::to_string(battle.max_players) + " players it must be at most " +
                       std::to_string(kMaxMapSide * kMaxMapSide / battle.max_players)};
    }
    return std::unique_ptr<world::Rules>(std::make_unique<ArenaRules>(*settings, battle));
  }

 private:
  // What kSentPositionBits of 1/32 unit can hold, less a margin.
  static constexpr i64 kMaxMapSide = 4'000;
};

}  // namespace

const world::Game& arena_game() {
  static const ArenaGame game;
  return game;
}

}  // namespace drumline::arena
