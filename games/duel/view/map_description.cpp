#include "duel_view/map_description.hpp"

#include "base/bytes.hpp"

namespace drumline::duel {
namespace {

constexpr u32 kMagic = 0x4C55'4444;  // "DDUL"
constexpr u8 kVersion = 1;
constexpr std::size_t kMoveBytes = 3 + 2;
constexpr std::size_t kBytes = 4 + 1 + 2 * 2 + 1 + 2 + 2 + 6 * 2 + 5 * kMoveBytes;

// The order of the format, for both ways: visit(number) takes each in turn.
template <class Map, class Visit>
void for_each_number(Map& map, Visit visit) {
  visit(map.stage_width_milliunits);
  visit(map.stage_height_milliunits);
  visit(map.best_of_rounds);
  visit(map.health_points);
  visit(map.max_meter_points);
  visit(map.special_cost_points);
  visit(map.half_width_milliunits);
  visit(map.body_height_milliunits);
  visit(map.walk_milliunits_per_s);
  visit(map.dash_milliunits_per_s);
  visit(map.projectile_milliunits_per_s);
  visit(map.projectile_radius_milliunits);
  for (auto* move : {&map.light, &map.heavy, &map.grab, &map.dash, &map.special}) {
    visit(move->startup_ticks);
    visit(move->active_ticks);
    visit(move->recovery_ticks);
    visit(move->reach_milliunits);
  }
}

}  // namespace

void encode_map_description(const MapDescription& map, std::vector<std::byte>& out) {
  out.assign(kBytes, std::byte{0});
  ByteWriter write(out);
  write.write(kMagic);
  write.write(kVersion);
  for_each_number(map, [&](const auto& number) { write.write(number); });
  DRUM_ASSERT(write.ok() && write.remaining() == 0);
}

Result<MapDescription> decode_map_description(Bytes bytes) {
  const auto malformed = [](const char* message) { return Error{ErrorCode::malformed, message}; };
  ByteReader read(bytes);
  if (read.read<u32>() != kMagic || !read.ok()) return malformed("duel map: it does not start with DDUL");
  if (read.read<u8>() != kVersion) return malformed("duel map: its version is not 1");
  if (bytes.size() != kBytes) return malformed("duel map: its size does not fit its version");
  MapDescription map;
  for_each_number(map,
                  [&](auto& number) { number = read.read<std::remove_reference_t<decltype(number)>>(); });
  return map;
}

}  // namespace drumline::duel
