// Teams and fog of war: who may know of whom, who hurts whom, and that asking changes nothing.
#include "arena_battle.hpp"
#include "random_input.hpp"
#include "support/allocation_counter.hpp"
#include "world/snapshot.hpp"

namespace drumline::arena::testing {
namespace {

using drumline::testing::allocations;

constexpr std::string_view kTwoTeams =
    "[map]\nobstacle_every_units2 = 1000000000\npickup_every_units2 = 1000000000\n"
    "[teams]\ncount = 2\nsight_milliunits = 20000\n";

TEST(arena_teams, without_them_everybody_may_know_everything) {
  const Battle battle;
  EXPECT_EQ(battle.rules->visibility(), nullptr);
}

TEST(arena_teams, a_team_knows_its_own_and_what_one_of_its_living_sees) {
  Battle battle(16, kTwoTeams);
  const world::Visibility& visibility = *battle.rules->visibility();
  ASSERT_EQ(visibility.team_count(), 2U);
  battle.join_at(0, 10, 10);  // team 0
  battle.join_at(1, 25, 10);  // team 1, in sight of the first
  battle.join_at(3, 80, 80);  // team 1, of nobody
  battle.join_at(2, 80, 20);  // team 0, of nobody
  battle.step();
  EXPECT_EQ(visibility.team_of(PlayerSlot{3}), 1U);
  EXPECT_EQ(visibility.hidden_from(battle.id(0)), 0U);
  EXPECT_EQ(visibility.hidden_from(battle.id(1)), 0U);
  EXPECT_EQ(visibility.hidden_from(battle.id(3)), 1U);
  EXPECT_EQ(visibility.hidden_from(battle.id(2)), 2U);

  // He walks up to the lone one, who then is seen and sees.
  battle.players.at<&Player::x>(battle.row(0)) = Fixed::from_int(70);
  battle.players.at<&Player::y>(battle.row(0)) = Fixed::from_int(75);
  battle.step();
  EXPECT_EQ(visibility.hidden_from(battle.id(3)), 0U);
  EXPECT_EQ(visibility.hidden_from(battle.id(0)), 0U);
  EXPECT_EQ(visibility.hidden_from(battle.id(1)), 1U) << "nobody looks there any more";

  // The dead see nothing.
  battle.players.at<&Player::flags>(battle.row(0)) = kFlagDead;
  battle.players.at<&Player::health>(battle.row(0)) = 0;
  battle.players.at<&Player::phase_until>(battle.row(0)) = 1'000'000;
  battle.step();
  EXPECT_EQ(visibility.hidden_from(battle.id(3)), 1U);
}

TEST(arena_teams, sight_is_round_and_ends_at_the_maps_border) {
  Battle battle(16, kTwoTeams);
  const world::Visibility& visibility = *battle.rules->visibility();
  battle.join_at(0, 1, 1);
  battle.join_at(1, 20, 1);
  battle.join_at(3, 20, 20);
  battle.join_at(5, 1, 20);
  battle.step();
  EXPECT_EQ(visibility.hidden_from(battle.id(1)), 0U);
  EXPECT_EQ(visibility.hidden_from(battle.id(5)), 0U);
  EXPECT_EQ(visibility.hidden_from(battle.id(3)), 1U) << "27 units away, in the square's corner";
}

TEST(arena_teams, pickups_are_known_to_those_who_see_them) {
  Battle battle(8, "[map]\npickup_every_units2 = 100\n[teams]\ncount = 2\nsight_milliunits = 8000\n");
  battle.join_at(0, 10, 10);
  battle.step();
  const world::TableBase& pickups = battle.rules->world().table(kPickupTable);
  u32 seen = 0;
  u32 hidden = 0;
  pickups.for_each([&](u32 slot) {
    const world::TeamSet from = battle.rules->visibility()->hidden_from(pickups.id_of(slot));
    EXPECT_NE(from & 2, 0) << "nobody of the other team is here";
    ((from & 1) != 0 ? hidden : seen) += 1;
  });
  EXPECT_GT(seen, 0U);
  EXPECT_GT(hidden, seen);
}

TEST(arena_teams, teammates_do_not_hurt_each_other) {
  Battle battle(8, kTwoTeams);
  battle.join_at(0, 30, 30);
  battle.join_at(1, 31, 30);
  battle.join_at(2, 30, 31);
  EXPECT_TRUE(battle.hit(0, 2).accepted());
  battle.step();
  EXPECT_EQ(battle.health(2), 100U);
  battle.step(100);
  EXPECT_TRUE(battle.hit(0, 1).accepted());
  battle.step();
  EXPECT_LT(battle.health(1), 100U);
  EXPECT_TRUE(battle.use(2, kSkillBlast).accepted());
  battle.step();
  EXPECT_EQ(battle.health(0), 100U);
  EXPECT_LT(battle.health(1), 80U);
}

TEST(arena_teams, the_others_of_a_squad_matter_most) {
  Battle battle(32, kTwoTeams);
  for (const u32 seat : {0U, 1U, 2U, 4U, 8U, 10U, 12U}) battle.join(seat);
  const world::Visibility& visibility = *battle.rules->visibility();
  std::array<EntityId, world::kMaxRelevant> out;
  ASSERT_EQ(visibility.most_relevant(), out.size());
  ASSERT_EQ(visibility.relevant_to(PlayerSlot{4}, out), 3U) << "seats 0, 2 and 8 of five";
  EXPECT_EQ(out[0], battle.id(0));
  EXPECT_EQ(out[1], battle.id(2));
  EXPECT_EQ(out[2], battle.id(8));
  EXPECT_EQ(visibility.relevant_to(PlayerSlot{1}, out), 0U);
  ASSERT_EQ(visibility.relevant_to(PlayerSlot{10}, out), 1U);
  EXPECT_EQ(out[0], battle.id(12));
}

TEST(arena_teams, what_is_asked_changes_nothing_and_a_snapshot_continues_alike) {
  constexpr u32 players = 24;
  constexpr std::string_view rules = "[teams]\ncount = 3\nsight_milliunits = 15000\n";
  Battle asked(players, rules, 5);
  Battle silent(players, rules, 5);
  RandomInput inputs_asked(19, players);
  RandomInput inputs_silent(19, players);
  std::vector<std::byte> snapshot;
  u64 answers = 0;
  for (u32 tick = 0; tick < 1'000; ++tick) {
    inputs_asked.feed(*asked.rules);
    inputs_silent.feed(*silent.rules);
    asked.step();
    silent.step();
    const u64 before = allocations();
    asked.players.for_each(
        [&](u32 slot) { answers += asked.rules->visibility()->hidden_from(asked.players.id_of(slot)); });
    ASSERT_EQ(allocations() - before, 0U);
    ASSERT_EQ(asked.hash(), silent.hash()) << "tick " << tick;
    if (tick % 100 != 50) continue;
    // Who takes over in the middle gives the same answers after the next step.
    world::encode_snapshot(asked.rules->world(), "arena", snapshot);
    Battle taken(players, rules, 999, false);
    ASSERT_TRUE(world::restore_snapshot(snapshot, "arena", taken.rules->world()).ok());
    ASSERT_EQ(taken.hash(), asked.hash());
    asked.players.for_each([&](u32 slot) {
      const EntityId id = asked.players.id_of(slot);
      ASSERT_EQ(taken.rules->visibility()->hidden_from(id), asked.rules->visibility()->hidden_from(id));
    });
  }
  EXPECT_GT(answers, 1'000U);
  EXPECT_GT(asked.count(EventKind::hit), 20U);
}

}  // namespace
}  // namespace drumline::arena::testing
