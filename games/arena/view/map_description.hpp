// What a client is told once about the battle's map and rules.
// Format: docs/formats/arena-map.md.
#pragma once

#include <array>
#include <vector>

#include "arena_view/arena_view.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "world/fixed.hpp"

namespace drumline::arena {

enum class ObstacleShape : u8 { circle = 0, box = 1 };

struct Obstacle {
  ObstacleShape shape = ObstacleShape::circle;
  world::Fixed x, y;         ///< centre
  world::Fixed half_width;   ///< a circle's radius
  world::Fixed half_height;  ///< a circle's radius again
};

/// Obstacles stand on eighths of a unit, so that 16 bits hold a coordinate.
inline constexpr int kObstacleShift = world::Fixed::kFractionBits - 3;
inline constexpr u32 kMaxObstacles = 6'000;

struct MapDescription {
  u16 health_points = 0;
  u16 player_radius_milliunits = 0;
  u16 melee_range_milliunits = 0;
  u16 shot_range_milliunits = 0;
  u16 shot_speed_milliunits_per_s = 0;
  u16 blast_radius_milliunits = 0;
  u16 attack_melee_cooldown_ms = 0;
  u16 attack_shot_cooldown_ms = 0;
  std::array<u16, kSkillCount> skill_cooldown_ms{};
  u16 speed_milliunits_per_s = 0;
  std::vector<Obstacle> obstacles;  ///< by ascending x
};

/// Replaces `out`. The obstacles must be in order.
void encode_map_description(const MapDescription& map, std::vector<std::byte>& out);
Result<MapDescription> decode_map_description(Bytes bytes);

}  // namespace drumline::arena
