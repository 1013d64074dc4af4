#include "duel/duel.hpp"

#include "duel/duel_rules.hpp"

namespace drumline::duel {
namespace {

class DuelGame final : public world::Game {
 public:
  std::string_view name() const override { return "duel"; }
  std::span<const std::string_view> event_names() const override { return kEventNames; }
  std::string_view default_rules() const override { return default_rules_document(); }
  u32 most_players() const override { return kFighters; }
  Result<std::unique_ptr<world::Rules>> create(std::string_view rules_document,
                                               const world::BattleSettings& battle) const override {
    if (battle.max_players < kFighters) {
      return Error{ErrorCode::invalid_argument,
                   "duel: max_players is " + std::to_string(battle.max_players) + "; it must be 2 or more"};
    }
    Result<Settings> settings = read_settings(rules_document);
    if (!settings) return std::move(settings).error();
    return std::unique_ptr<world::Rules>(std::make_unique<DuelRules>(*settings, battle));
  }
};

}  // namespace

const world::Game& duel_game() {
  static const DuelGame game;
  return game;
}

}  // namespace drumline::duel
