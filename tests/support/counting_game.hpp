// The smallest game that can go wrong in a replay: each player has a number that
// his commands and the world's generator move.
#pragma once

#include "world/rules.hpp"

namespace drumline::test {

/// A `bias` other than 0 is a build whose step differs.
class CountingGame final : public world::Game {
 public:
  explicit CountingGame(i64 bias = 0) : bias_(bias) {}
  std::string_view name() const override { return "counting"; }
  std::span<const std::string_view> event_names() const override;
  std::string_view default_rules() const override { return "limit = 100\n"; }
  Result<std::unique_ptr<world::Rules>> create(std::string_view rules_document,
                                               const world::BattleSettings& settings) const override;

 private:
  i64 bias_;
};

}  // namespace drumline::test
