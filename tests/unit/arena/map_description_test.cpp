#include "arena_view/map_description.hpp"

#include "arena_battle.hpp"

namespace drumline::arena::testing {
namespace {

TEST(arena_map_description, tells_rules_and_obstacles) {
  Battle battle(200, "");
  const Result<MapDescription> map = decode_map_description(battle.rules->map_description());
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->health_points, 100);
  EXPECT_EQ(map->skill_cooldown_ms[kSkillBlast], 9'000);
  EXPECT_EQ(map->speed_milliunits_per_s, 6'000);
  const auto& table = static_cast<world::Table<ObstacleRow>&>(battle.rules->world().table(5));
  ASSERT_EQ(map->obstacles.size(), table.live_count());
  EXPECT_GT(map->obstacles.size(), 40u);
  for (const Obstacle& obstacle : map->obstacles) {
    bool found = false;
    table.for_each([&](u32 slot) {
      found = found || (table.at<&ObstacleRow::x>(slot) == obstacle.x &&
                        table.at<&ObstacleRow::y>(slot) == obstacle.y &&
                        table.at<&ObstacleRow::half_width>(slot) == obstacle.half_width &&
                        table.at<&ObstacleRow::half_height>(slot) == obstacle.half_height);
    });
    EXPECT_TRUE(found);
  }
}

TEST(arena_map_description, every_truncation_is_refused) {
  Battle battle(50, "");
  const Bytes bytes = battle.rules->map_description();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_map_description(bytes.first(size)).ok()) << size;
  }
  std::vector<std::byte> longer(bytes.begin(), bytes.end());
  longer.push_back(std::byte{});
  EXPECT_FALSE(decode_map_description(longer).ok());
}

}  // namespace
}  // namespace drumline::arena::testing
