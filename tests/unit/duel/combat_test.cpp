#include "duel_battle.hpp"

namespace drumline::duel::testing {
namespace {

TEST(duel_combat, a_blow_lands_in_its_active_ticks_only) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(4);
  EXPECT_EQ(battle.health(1), 300u) << "startup";
  battle.step();
  EXPECT_EQ(battle.health(1), 286u) << "64 ms are 4 ticks after the first";
  EXPECT_EQ(battle.stance(1), Stance::hit);
  battle.step(20);
  EXPECT_EQ(battle.health(1), 286u) << "once";
  EXPECT_EQ(battle.count(EventKind::hit), 1u);
  EXPECT_GT(battle.x(1) - battle.x(0), 1'050) << "pushed away";
}

TEST(duel_combat, who_steps_in_during_recovery_is_not_hit) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(8);
  battle.place_apart(900);
  battle.step(20);
  EXPECT_EQ(battle.health(1), 300u);
}

TEST(duel_combat, a_blow_lands_within_its_reach_only) {
  for (const auto& [apart, damage] : {std::pair{1'540, 14}, std::pair{1'560, 0}}) {
    Battle battle;
    battle.begin();
    battle.place_apart(apart);
    ASSERT_TRUE(battle.light(0).accepted());
    battle.step(14);
    EXPECT_EQ(battle.health(1), 300u - damage) << apart << ": reach 1150 and half a body";
  }
}

TEST(duel_combat, a_blow_does_not_land_behind_or_high_above) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.use(0, kSkillHeavy).accepted());
  battle.step(2);
  battle.change(1, [](Fighter& f) { f.x = Fixed::from_int(6); });
  battle.step(30);
  EXPECT_EQ(battle.health(1), 300u) << "behind";
  battle.place_apart(1'000);
  battle.step(2);
  ASSERT_TRUE(battle.move(1, 0, kFull).accepted());
  battle.step(20);
  ASSERT_GT(battle.fighter(1).y, Fixed::from_int(2));
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(8);
  EXPECT_EQ(battle.health(1), 300u) << "above";
}

TEST(duel_combat, blows_in_the_same_tick_are_traded_and_a_double_knock_out_is_nobodys_round) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  battle.set_health(0, 5);
  battle.set_health(1, 5);
  ASSERT_TRUE(battle.light(0).accepted());
  ASSERT_TRUE(battle.light(1).accepted());
  battle.step(6);
  EXPECT_EQ(battle.stance(0), Stance::out);
  EXPECT_EQ(battle.stance(1), Stance::out);
  EXPECT_EQ(battle.phase(), Phase::pause);
  EXPECT_EQ(battle.match().winner, kWinnerDraw);
}

TEST(duel_combat, guard_takes_chip_damage_only_and_holds_the_blow) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.guard(1).accepted());
  ASSERT_TRUE(battle.use(0, kSkillHeavy).accepted());
  battle.step(13);
  EXPECT_EQ(battle.health(1), 296u) << "12 % of 34";
  EXPECT_EQ(battle.stance(1), Stance::block);
  EXPECT_EQ(battle.count(EventKind::block), 1u);
  EXPECT_EQ(battle.count(EventKind::hit), 0u);
  battle.step(14);
  EXPECT_EQ(battle.stance(1), Stance::guard) << "held on";
}

TEST(duel_combat, guard_does_not_help_from_behind) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.guard(1).accepted());
  battle.step(2);
  ASSERT_TRUE(battle.give(1, Action::turn, 1).accepted());
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(6);
  EXPECT_EQ(battle.count(EventKind::hit), 1u);
}

TEST(duel_combat, a_throw_beats_guard_and_lays_down) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.guard(1).accepted());
  ASSERT_TRUE(battle.use(0, kSkillThrow).accepted());
  battle.step(6);
  EXPECT_EQ(battle.health(1), 262u);
  EXPECT_EQ(battle.stance(1), Stance::down);
  EXPECT_EQ(battle.count(EventKind::thrown), 1u);
  ASSERT_TRUE(battle.guard(1).accepted());
  battle.step(46);
  EXPECT_EQ(battle.stance(1), Stance::guard) << "up again after 45 ticks";
}

TEST(duel_combat, a_throw_is_short_and_does_not_reach_the_air) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'300);
  ASSERT_TRUE(battle.use(0, kSkillThrow).accepted());
  battle.step(30);
  EXPECT_EQ(battle.health(1), 300u);
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.use(0, kSkillThrow).accepted());
  ASSERT_TRUE(battle.move(1, 0, kFull).accepted());
  battle.step(10);
  EXPECT_EQ(battle.health(1), 300u);
}

TEST(duel_combat, a_blow_beats_a_throw_in_the_same_tick) {
  Battle battle("[throw]\nstartup_ms = 64\n");
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.use(0, kSkillThrow).accepted());
  ASSERT_TRUE(battle.light(1).accepted());
  battle.step(6);
  EXPECT_EQ(battle.count(EventKind::thrown), 0u);
  EXPECT_EQ(battle.count(EventKind::hit), 1u);
  EXPECT_EQ(battle.health(0), 286u);
}

TEST(duel_combat, two_throws_break_each_other) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.use(0, kSkillThrow).accepted());
  ASSERT_TRUE(battle.use(1, kSkillThrow).accepted());
  battle.step(10);
  EXPECT_EQ(battle.count(EventKind::throw_break), 1u);
  EXPECT_EQ(battle.count(EventKind::thrown), 0u);
  EXPECT_EQ(battle.health(0) + battle.health(1), 600u);
  EXPECT_GT(battle.x(1) - battle.x(0), 1'200);
}

TEST(duel_combat, a_projectile_flies_level_and_hits) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.use(0, kSkillSpecial).accepted());
  battle.step(13);
  EXPECT_EQ(battle.projectiles.live_count(), 0u) << "startup";
  battle.step();
  ASSERT_EQ(battle.projectiles.live_count(), 1u);
  EXPECT_EQ(battle.fighter(0).meter, 0);
  const Fixed height = take_row(battle.projectiles, 0).y;
  battle.step(10);
  EXPECT_EQ(take_row(battle.projectiles, 0).y, height);
  EXPECT_EQ(battle.health(1), 300u);
  battle.step(30);
  EXPECT_EQ(battle.health(1), 264u);
  EXPECT_EQ(battle.projectiles.live_count(), 0u);
}

TEST(duel_combat, a_projectile_is_blocked_jumped_over_and_ends_with_the_stage) {
  Battle battle;
  battle.begin();
  battle.set_meter(0, 100);
  ASSERT_TRUE(battle.guard(1).accepted());
  ASSERT_TRUE(battle.use(0, kSkillSpecial).accepted());
  battle.step(60);
  EXPECT_EQ(battle.count(EventKind::block), 1u);
  EXPECT_EQ(battle.health(1), 296u);
  battle.place_apart(5'000);
  ASSERT_TRUE(battle.move(1, 0).accepted());
  ASSERT_TRUE(battle.use(0, kSkillSpecial).accepted());
  battle.step(28);
  ASSERT_TRUE(battle.move(1, 0, kFull).accepted());
  battle.step(100);
  EXPECT_EQ(battle.health(1), 296u) << "jumped over";
  EXPECT_EQ(battle.count(EventKind::fizzle), 1u);
  EXPECT_EQ(battle.projectiles.live_count(), 0u);
}

TEST(duel_combat, projectiles_that_meet_end_each_other) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.use(0, kSkillSpecial).accepted());
  ASSERT_TRUE(battle.use(1, kSkillSpecial).accepted());
  battle.step(60);
  EXPECT_EQ(battle.count(EventKind::fizzle), 2u);
  EXPECT_EQ(battle.health(0) + battle.health(1), 600u);
  EXPECT_EQ(battle.projectiles.live_count(), 0u);
}

TEST(duel_combat, hits_in_a_combo_hurt_less_each_and_the_last_knocks_down) {
  // A stun so long that nobody gets out of it.
  Battle battle("[light]\nhit_stun_ms = 1000\npush_milliunits_per_s = 0\n[combo]\nmax_hits = 3\n");
  battle.begin();
  battle.place_apart(1'000);
  std::vector<i32> damages;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(battle.light(0).accepted());
    battle.step(14);
    damages.push_back(battle.last(EventKind::hit).a);
  }
  EXPECT_EQ(damages, (std::vector<i32>{14, 11, 9}));
  EXPECT_EQ(battle.last(EventKind::hit).b, 3);
  EXPECT_EQ(battle.stance(1), Stance::down);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(14);
  EXPECT_EQ(battle.count(EventKind::hit), 3u) << "who is down is not hit";
  battle.step(40);
  EXPECT_EQ(battle.fighter(1).combo, 0);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(8);
  EXPECT_EQ(battle.last(EventKind::hit).a, 14) << "a combo of its own";
}

TEST(duel_combat, who_is_hit_in_the_air_falls_and_lies) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.move(1, 0, kFull).accepted());
  battle.step(42);
  ASSERT_GT(battle.fighter(1).y.raw, 0);
  battle.change(0, [](Fighter& f) {
    f.stance_ticks = 3;
    f.stance = static_cast<u8>(Stance::light);
    f.stance_length = 14;
  });
  battle.step(2);
  ASSERT_EQ(battle.stance(1), Stance::hit);
  ASSERT_GT(battle.fighter(1).velocity_y, 0) << "lifted";
  EXPECT_EQ(battle.light(1), world::kRefusedCooldown);
  for (int i = 0; i < 60 && battle.stance(1) == Stance::hit; ++i) battle.step();
  EXPECT_EQ(battle.stance(1), Stance::down);
  EXPECT_EQ(battle.fighter(1).y.raw, 0);
}

TEST(duel_combat, an_attack_in_the_air_ends_with_the_landing) {
  Battle battle;
  battle.begin();
  ASSERT_TRUE(battle.move(0, 0, kFull).accepted());
  battle.step(46);
  ASSERT_EQ(battle.stance(0), Stance::jump);
  ASSERT_TRUE(battle.use(0, kSkillHeavy).accepted());
  battle.step();
  EXPECT_EQ(battle.stance(0), Stance::heavy);
  battle.step(8);
  EXPECT_EQ(battle.fighter(0).y.raw, 0);
  EXPECT_EQ(battle.stance(0), Stance::idle);
}

TEST(duel_combat, a_victim_at_the_edge_passes_the_push_on) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  battle.change(1, [](Fighter& f) { f.x = Fixed::from_ratio(15'600, 1000); });
  battle.change(0, [](Fighter& f) { f.x = Fixed::from_ratio(14'600, 1000); });
  ASSERT_TRUE(battle.use(0, kSkillHeavy).accepted());
  battle.step(2);
  battle.change(1, [](Fighter& f) { f.x = Fixed::from_raw(16 * Fixed::kOneRaw - 26'214); });
  battle.step(25);
  EXPECT_EQ(battle.count(EventKind::hit), 1u);
  EXPECT_LT(battle.x(0), 14'300);
}

TEST(duel_combat, hitting_being_hit_and_being_blocked_fill_the_meter) {
  Battle battle;
  battle.begin();
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(30);
  EXPECT_EQ(battle.fighter(0).meter, 42);
  EXPECT_EQ(battle.fighter(1).meter, 36);
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.guard(1).accepted());
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(30);
  EXPECT_EQ(battle.fighter(0).meter, 46);
  EXPECT_EQ(battle.fighter(1).meter, 36);
  battle.set_meter(0, 99);
  battle.place_apart(1'000);
  ASSERT_TRUE(battle.light(0).accepted());
  battle.step(30);
  EXPECT_EQ(battle.fighter(0).meter, 100) << "and no further";
}

}  // namespace
}  // namespace drumline::duel::testing
