#include "arena_battle.hpp"

namespace drumline::arena::testing {
namespace {

TEST(arena_combat, a_shot_flies_and_hits_the_first_in_its_way) {
  Battle battle;
  battle.join_at(0, 10, 20);
  battle.join_at(1, 20, 20);
  battle.join_at(2, 25, 20);
  ASSERT_TRUE(battle.give(0, Action::attack, kFull, 0).accepted());
  battle.step(10);
  EXPECT_EQ(battle.health(1), 100u) << "not there yet";
  battle.step(20);
  EXPECT_EQ(battle.health(1), 89u);
  EXPECT_EQ(battle.health(2), 100u);
  EXPECT_EQ(battle.count(EventKind::shot), 1u);
  EXPECT_EQ(battle.count(EventKind::hit), 1u);
  EXPECT_EQ(battle.rules->world().table(3).live_count(), 0u) << "the shot is spent";
}

TEST(arena_combat, a_shot_ends_at_its_range) {
  Battle battle;
  battle.join_at(0, 5, 20);
  battle.join_at(1, 29, 20);
  ASSERT_TRUE(battle.give(0, Action::attack, kFull, 0).accepted());
  battle.step(100);
  EXPECT_EQ(battle.health(1), 100u);
  EXPECT_EQ(battle.rules->world().table(3).live_count(), 0u);
}

TEST(arena_combat, a_kill_scores_and_the_fallen_comes_back_protected) {
  Battle battle(8, std::string(kBareRules) + "[melee]\ndamage_points = 120\n");
  battle.join_at(0, 20, 20);
  battle.join_at(1, 21, 20);
  ASSERT_TRUE(battle.hit(0, 1).accepted());
  battle.step();
  EXPECT_TRUE(battle.flags(1) & kFlagDead);
  EXPECT_EQ(battle.count(EventKind::death), 1u);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{0}), 10);
  battle.step(187);
  EXPECT_TRUE(battle.flags(1) & kFlagDead);
  battle.step();
  EXPECT_FALSE(battle.flags(1) & kFlagDead) << "3 s are 188 ticks";
  EXPECT_TRUE(battle.flags(1) & kFlagProtected);
  EXPECT_EQ(battle.health(1), 100u);
  battle.step(130);
  EXPECT_FALSE(battle.flags(1) & kFlagProtected) << "for 2 s";
}

TEST(arena_combat, attacking_ends_protection) {
  Battle battle;
  battle.join_at(0, 20, 20);
  battle.players.at<&Player::flags>(battle.row(0)) = kFlagProtected;
  battle.players.at<&Player::phase_until>(battle.row(0)) = 1'000;
  ASSERT_TRUE(battle.give(0, Action::attack, kFull, 0).accepted());
  EXPECT_FALSE(battle.flags(0) & kFlagProtected);
}

TEST(arena_combat, a_ward_heals_and_halves_damage_for_its_time) {
  Battle battle;
  battle.join_at(0, 20, 20);
  battle.join_at(1, 21, 20);
  battle.players.at<&Player::health>(battle.row(1)) = 50 << kHealthShift;
  ASSERT_TRUE(battle.use(1, kSkillWard).accepted());
  battle.players.at<&Player::regeneration_at>(battle.row(1)) = 10'000;
  battle.step();
  EXPECT_EQ(battle.health(1), 75u);
  ASSERT_TRUE(battle.hit(0, 1).accepted());
  battle.step();
  EXPECT_EQ(battle.health(1), 66u) << "9 of 18";
  battle.step(190);
  EXPECT_FALSE(battle.flags(1) & kFlagWarded);
}

TEST(arena_combat, a_blast_hurts_everybody_near_and_nobody_far) {
  Battle battle;
  battle.join_at(0, 20, 20);
  battle.join_at(1, 24, 20);
  battle.join_at(2, 20, 16);
  battle.join_at(3, 26, 20);
  ASSERT_TRUE(battle.use(0, kSkillBlast).accepted());
  battle.step();
  EXPECT_EQ(battle.health(0), 100u);
  EXPECT_EQ(battle.health(1), 70u);
  EXPECT_EQ(battle.health(2), 70u);
  EXPECT_EQ(battle.health(3), 100u);
}

TEST(arena_combat, a_dash_is_fast_and_short) {
  Battle battle;
  battle.join_at(0, 20, 20);
  ASSERT_TRUE(battle.use(0, kSkillDash, 0, kFull).accepted());
  const i64 start = battle.y(0);
  battle.step(12);
  EXPECT_NEAR(static_cast<double>(battle.y(0) - start) / 65536, 24.0 * 12 * 0.016, 0.02);
  const i64 end = battle.y(0);
  battle.step(3);
  EXPECT_EQ(battle.y(0), end);
  EXPECT_FALSE(battle.flags(0) & kFlagDashing);
}

TEST(arena_combat, health_comes_back_after_a_pause) {
  Battle battle;
  battle.join_at(0, 20, 20);
  battle.join_at(1, 21, 20);
  ASSERT_TRUE(battle.hit(0, 1).accepted());
  battle.step(200);
  EXPECT_EQ(battle.health(1), 82u);
  battle.step(60 + 63);
  EXPECT_NEAR(battle.health(1), 82 + 4, 2) << "4 points a second after 4 s";
  battle.step(2'000);
  EXPECT_EQ(battle.health(1), 100u);
}

TEST(arena_combat, pickups_work_and_return) {
  Battle battle(
      8,
      "[map]\nobstacle_every_units2 = 1000000000\npickup_every_units2 = 2000\n[pickup]\nrespawn_ms = 320\n");
  auto& pickups = static_cast<world::Table<Pickup>&>(battle.rules->world().table(kPickupTable));
  ASSERT_GT(pickups.live_count(), 0u);
  const u32 all = pickups.live_count();
  battle.join_at(0, 20, 20);
  battle.players.at<&Player::health>(battle.row(0)) = 10 << kHealthShift;
  battle.players.at<&Player::regeneration_at>(battle.row(0)) = 10'000;
  const auto take = [&](PickupKind kind) {
    u32 slot = 0;
    while (!pickups.is_live(slot)) ++slot;
    pickups.at<&Pickup::kind>(slot) = static_cast<u8>(kind);
    battle.players.at<&Player::x>(battle.row(0)) = pickups.at<&Pickup::x>(slot);
    battle.players.at<&Player::y>(battle.row(0)) = pickups.at<&Pickup::y>(slot);
    battle.step(4);
  };
  take(PickupKind::heal);
  EXPECT_EQ(battle.health(0), 50u);
  EXPECT_EQ(pickups.live_count(), all - 1);
  battle.step(25);
  EXPECT_EQ(pickups.live_count(), all) << "320 ms later";
  take(PickupKind::speed);
  EXPECT_TRUE(battle.flags(0) & kFlagFast);
  battle.step(25);
  take(PickupKind::damage);
  EXPECT_TRUE(battle.flags(0) & kFlagStrong);
  EXPECT_EQ(battle.count(EventKind::pickup), 3u);
  EXPECT_EQ(battle.rules->score_of(PlayerSlot{0}), 3);
}

TEST(arena_combat, obstacles_stop_bodies_and_shots) {
  Battle battle(64, "");
  auto& obstacles = static_cast<world::Table<ObstacleRow>&>(battle.rules->world().table(5));
  ASSERT_GT(obstacles.live_count(), 0u);
  obstacles.for_each([&](u32 slot) {
    const i64 x = obstacles.at<&ObstacleRow::x>(slot).raw;
    const i64 y = obstacles.at<&ObstacleRow::y>(slot).raw;
    const i64 half = obstacles.at<&ObstacleRow::half_width>(slot).raw;
    Battle walk(64, "");
    walk.join_at(0, 20, 20);
    const u32 row = walk.row(0);
    walk.players.at<&Player::x>(row) = Fixed::from_raw(x - half - 2 * 65536);
    walk.players.at<&Player::y>(row) = Fixed::from_raw(y);
    ASSERT_TRUE(walk.give(0, Action::move, kFull, 0).accepted());
    ASSERT_TRUE(walk.give(0, Action::attack, kFull, 0).accepted());
    for (int i = 0; i < 60; ++i) {
      walk.step();
      // Never inside: beside the box or circle, or pushed around it.
      const i64 dx = std::abs(walk.x(0) - x);
      const i64 dy = std::abs(walk.y(0) - y);
      const bool box = obstacles.at<&ObstacleRow::shape>(slot) == 1;
      const i64 half_height = obstacles.at<&ObstacleRow::half_height>(slot).raw;
      const bool inside = box ? dx < half && dy < half_height
                              : static_cast<double>(dx) * dx + static_cast<double>(dy) * dy <
                                    static_cast<double>(half) * half;
      ASSERT_FALSE(inside) << "obstacle " << slot << " tick " << i;
    }
    EXPECT_EQ(walk.count(EventKind::miss), 1u) << "obstacle " << slot;
  });
}

}  // namespace
}  // namespace drumline::arena::testing
