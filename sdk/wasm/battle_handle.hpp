// A battle as a host without C++ holds it: one of its own (simulation_api.hpp), or a view
// of the one that a lockstep client runs (lockstep_api.hpp).
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "battle/battle.hpp"
#include "battle/journal_records.hpp"

namespace drumline {

struct DrumlineBattle {
  std::unique_ptr<battle::Battle> owned;   ///< null in a view
  const battle::Battle* battle = nullptr;  ///< what is read
  std::span<const std::string_view> event_names;
  std::span<const world::Event> events;
  battle::TickRecord tick;
  std::vector<std::byte> result;
};

/// The game of that name in this simulation; null when there is none.
const world::Game* find_simulated_game(std::string_view name);

}  // namespace drumline
