// What a gateway must know of a battle to let clients in. Made once when the
// battle starts, read by every thread, never changed.
#pragma once

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "wire/messages.hpp"
#include "world/rules.hpp"

namespace drumline::battle {

struct BattleDescriptor {
  BattleId id;
  Epoch epoch;
  std::string game;
  std::string build_id;
  std::string simulation_id;
  u64 rules_hash = 0;
  world::SyncSettings sync;
  u32 max_players = 0;
  world::MapSize map_size;
  std::vector<std::byte> map_description;
  std::vector<wire::TableSchema> schema;
  std::vector<std::string> event_names;
  /// By code, the engine's and the game's; a code past the end is "unknown".
  std::vector<std::string> refusal_names;

  const std::string& refusal_name(world::Refusal refusal) const {
    static const std::string unknown = "unknown";
    return refusal.code < refusal_names.size() ? refusal_names[refusal.code] : unknown;
  }
};

}  // namespace drumline::battle
