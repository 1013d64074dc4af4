// A client saves the state of each tick and takes ticks back: World::copy_from.
#include "arena_battle.hpp"
#include "random_input.hpp"
#include "support/allocation_counter.hpp"

namespace drumline::arena::testing {
namespace {

using drumline::testing::allocations;

constexpr u32 kPlayers = 8;
constexpr u32 kTicksBack = 8;

struct Rollback : ::testing::Test {
  Battle live{kPlayers, "", 9};
  RandomInput inputs{21, kPlayers};

  void play(u32 ticks) {
    for (u32 i = 0; i < ticks; ++i) {
      inputs.feed(*live.rules);
      live.step();
    }
  }
};

TEST_F(Rollback, ticks_that_were_taken_back_are_played_again_with_equal_hashes) {
  Battle saved(kPlayers, "", 9, false);
  for (int round = 0; round < 100; ++round) {
    play(static_cast<u32>(round % 7));
    saved.rules->world().copy_from(live.rules->world());
    ASSERT_EQ(saved.hash(), live.hash());
    const RandomInput before = inputs;
    std::vector<u64> hashes;
    for (u32 i = 0; i < kTicksBack; ++i) {
      play(1);
      hashes.push_back(live.hash());
    }
    live.rules->world().copy_from(saved.rules->world());
    ASSERT_EQ(live.hash(), saved.hash());
    inputs = before;
    for (u32 i = 0; i < kTicksBack; ++i) {
      play(1);
      ASSERT_EQ(live.hash(), hashes[i]) << "round " << round << ", tick " << i;
    }
  }
}

TEST_F(Rollback, saving_and_taking_back_allocates_nothing_and_leaves_the_map_alone) {
  Battle saved(kPlayers, "", 9);
  play(50);
  saved.rules->world().copy_from(live.rules->world());
  saved.step();
  const Bytes map = live.rules->map_description();
  const auto& obstacles = live.rules->world().table(5);
  ASSERT_EQ(obstacles.name(), "obstacle");
  const u64 replaced = obstacles.replaced_count();
  const u64 before = allocations();
  for (u32 i = 0; i < kTicksBack; ++i) {
    play(1);
    saved.rules->world().copy_from(live.rules->world());
    play(1);
    live.rules->world().copy_from(saved.rules->world());
    live.step();
  }
  EXPECT_EQ(allocations() - before, 0u);
  EXPECT_EQ(obstacles.replaced_count(), replaced) << "rows that are equal are not replaced";
  EXPECT_EQ(live.rules->map_description().data(), map.data());
}

TEST_F(Rollback, a_state_of_another_map_makes_the_derived_map_again) {
  Battle other(kPlayers, "[map]\narea_per_player_units2 = 2000\n", 10);
  Battle taken(kPlayers, "[map]\narea_per_player_units2 = 2000\n", 11);
  const std::vector<std::byte> before(taken.rules->map_description().begin(),
                                      taken.rules->map_description().end());
  taken.rules->world().copy_from(other.rules->world());
  const Bytes wanted = other.rules->map_description();
  const Bytes found = taken.rules->map_description();
  EXPECT_TRUE(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end()));
  EXPECT_FALSE(std::equal(found.begin(), found.end(), before.begin(), before.end()));
}

}  // namespace
}  // namespace drumline::arena::testing
