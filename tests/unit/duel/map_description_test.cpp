#include "duel_view/map_description.hpp"

#include "duel_battle.hpp"

namespace drumline::duel::testing {
namespace {

TEST(duel_map_description, tells_stage_and_moves) {
  const Battle battle("[light]\nstartup_ms = 32\n[match]\nbest_of_rounds = 5\n");
  const Result<MapDescription> map = decode_map_description(battle.rules->map_description());
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->stage_width_milliunits, 16'000);
  EXPECT_EQ(map->best_of_rounds, 5);
  EXPECT_EQ(map->health_points, 300);
  EXPECT_EQ(map->special_cost_points, 30);
  EXPECT_EQ(map->light, (MoveDescription{2, 3, 7, 1'150}));
  EXPECT_EQ(map->dash, (MoveDescription{0, 9, 5, 0}));
  EXPECT_EQ(map->special.active_ticks, 1);
}

TEST(duel_map_description, what_is_written_is_read) {
  MapDescription map;
  map.projectile_radius_milliunits = 0xABCD;
  map.special = {1, 2, 3, 4'000};
  std::vector<std::byte> bytes;
  encode_map_description(map, bytes);
  const Result<MapDescription> read = decode_map_description(bytes);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, map);
}

TEST(duel_map_description, every_other_size_version_and_magic_is_refused) {
  const Battle battle;
  const Bytes bytes = battle.rules->map_description();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_map_description(bytes.first(size)).ok()) << size;
  }
  std::vector<std::byte> other(bytes.begin(), bytes.end());
  other.push_back(std::byte{});
  EXPECT_FALSE(decode_map_description(other).ok());
  for (const std::size_t place : {std::size_t{0}, std::size_t{4}}) {
    other.assign(bytes.begin(), bytes.end());
    other[place] ^= std::byte{1};
    EXPECT_FALSE(decode_map_description(other).ok()) << place;
  }
}

}  // namespace
}  // namespace drumline::duel::testing
