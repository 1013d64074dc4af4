// What a client is told once about the stage and the rules.
// Format: docs/formats/duel-map.md.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "duel_view/duel_view.hpp"

namespace drumline::duel {

/// How long the parts of a move last, and how far it reaches from the middle of
/// the body to the other's side (0: it does not).
struct MoveDescription {
  u8 startup_ticks = 0;
  u8 active_ticks = 0;
  u8 recovery_ticks = 0;
  u16 reach_milliunits = 0;

  friend bool operator==(const MoveDescription&, const MoveDescription&) = default;
};

struct MapDescription {
  u16 stage_width_milliunits = 0;
  u16 stage_height_milliunits = 0;
  u8 best_of_rounds = 0;
  u16 health_points = 0;
  u8 max_meter_points = 0;
  u8 special_cost_points = 0;
  u16 half_width_milliunits = 0;
  u16 body_height_milliunits = 0;
  u16 walk_milliunits_per_s = 0;
  u16 dash_milliunits_per_s = 0;
  u16 projectile_milliunits_per_s = 0;
  u16 projectile_radius_milliunits = 0;
  MoveDescription light, heavy, grab, dash, special;

  friend bool operator==(const MapDescription&, const MapDescription&) = default;
};

/// Replaces `out`.
void encode_map_description(const MapDescription& map, std::vector<std::byte>& out);
Result<MapDescription> decode_map_description(Bytes bytes);

}  // namespace drumline::duel
