// A small game that can be built with one of many bugs that make two runs differ. The
// correct build is deterministic; each bug is what a game programmer gets wrong.
#pragma once

#include "world/rules.hpp"

namespace drumline::test {

enum class Bug {
  none,
  float_motion,      ///< positions are computed in floating point
  unset_armor,       ///< a field is set from memory that nobody set
  reverse_order,     ///< who comes first is asked from the other end
  reads_clock,       ///< a cooldown depends on the time of day
  address_as_value,  ///< a value depends on where something lies in memory
  off_by_one,        ///< damage is one less
  extra_draw,        ///< a join draws from the generator once more
  hidden_state,      ///< a count that matters is kept outside the world
  lost_write,        ///< a drop does not stop the unit
  kept_row,          ///< a leave does not remove the unit
  narrowing,         ///< a score is put through 16 bits
  swapped_systems,   ///< two parts of the step run in the other order
  stale_cache,       ///< the rules' number is kept in a variable that another battle set
};

/// What the buggy builds read instead of state. It stands in for the clock, the allocator
/// and the stack, so that a test decides what they say: each read gives another number.
u64& outside_world();

class Skirmish final : public world::Game {
 public:
  explicit Skirmish(Bug bug = Bug::none) : bug_(bug) {}
  std::string_view name() const override { return "skirmish"; }
  std::span<const std::string_view> event_names() const override { return {}; }
  /// One key: speed, in thousandths of a unit of length a tick.
  std::string_view default_rules() const override { return "# the rules of skirmish\nspeed = 138\n"; }
  Result<std::unique_ptr<world::Rules>> create(std::string_view rules_document,
                                               const world::BattleSettings& settings) const override;

 private:
  Bug bug_;
};

}  // namespace drumline::test
