#include "arena_view/map_description.hpp"

#include "base/bytes.hpp"

namespace drumline::arena {
namespace {

constexpr u32 kMagic = 0x4D52'4144;  // "DARM"
constexpr u8 kVersion = 1;
constexpr std::size_t kHeaderBytes = 4 + 1 + 12 * 2 + 2;
constexpr std::size_t kObstacleBytes = 1 + 4 * 2;

world::Fixed unpack(u16 eighths) {
  return world::Fixed::from_raw(i64{eighths} << kObstacleShift);
}
u16 pack(world::Fixed value) {
  return static_cast<u16>(value.raw >> kObstacleShift);
}

}  // namespace

void encode_map_description(const MapDescription& map, std::vector<std::byte>& out) {
  DRUM_ASSERT(map.obstacles.size() <= kMaxObstacles);
  out.assign(kHeaderBytes + map.obstacles.size() * kObstacleBytes, std::byte{0});
  ByteWriter write(out);
  write.write(kMagic);
  write.write(kVersion);
  for (const u16 number :
       {map.health_points, map.player_radius_milliunits, map.melee_range_milliunits,
        map.shot_range_milliunits, map.shot_speed_milliunits_per_s, map.blast_radius_milliunits,
        map.attack_melee_cooldown_ms, map.attack_shot_cooldown_ms, map.skill_cooldown_ms[0],
        map.skill_cooldown_ms[1], map.skill_cooldown_ms[2], map.speed_milliunits_per_s}) {
    write.write(number);
  }
  write.write(static_cast<u16>(map.obstacles.size()));
  for (const Obstacle& obstacle : map.obstacles) {
    write.write(static_cast<u8>(obstacle.shape));
    write.write(pack(obstacle.x));
    write.write(pack(obstacle.y));
    write.write(pack(obstacle.half_width));
    write.write(pack(obstacle.half_height));
  }
  DRUM_ASSERT(write.ok() && write.remaining() == 0);
}

Result<MapDescription> decode_map_description(Bytes bytes) {
  const auto malformed = [](const char* message) { return Error{ErrorCode::malformed, message}; };
  ByteReader read(bytes);
  MapDescription map;
  if (read.read<u32>() != kMagic || !read.ok()) return malformed("arena map: it does not start with DARM");
  if (read.read<u8>() != kVersion) return malformed("arena map: its version is not 1");
  for (u16* number :
       {&map.health_points, &map.player_radius_milliunits, &map.melee_range_milliunits,
        &map.shot_range_milliunits, &map.shot_speed_milliunits_per_s, &map.blast_radius_milliunits,
        &map.attack_melee_cooldown_ms, &map.attack_shot_cooldown_ms, &map.skill_cooldown_ms[0],
        &map.skill_cooldown_ms[1], &map.skill_cooldown_ms[2], &map.speed_milliunits_per_s}) {
    *number = read.read<u16>();
  }
  const u16 count = read.read<u16>();
  if (!read.ok() || count > kMaxObstacles || read.remaining() != count * kObstacleBytes) {
    return malformed("arena map: the number of obstacles does not fit its size");
  }
  map.obstacles.reserve(count);
  for (u16 i = 0; i < count; ++i) {
    Obstacle obstacle;
    const u8 shape = read.read<u8>();
    if (shape > static_cast<u8>(ObstacleShape::box))
      return malformed("arena map: an obstacle of unknown shape");
    obstacle.shape = static_cast<ObstacleShape>(shape);
    obstacle.x = unpack(read.read<u16>());
    obstacle.y = unpack(read.read<u16>());
    obstacle.half_width = unpack(read.read<u16>());
    obstacle.half_height = unpack(read.read<u16>());
    if (!map.obstacles.empty() && obstacle.x < map.obstacles.back().x) {
      return malformed("arena map: the obstacles are not in order");
    }
    map.obstacles.push_back(obstacle);
  }
  return map;
}

}  // namespace drumline::arena
