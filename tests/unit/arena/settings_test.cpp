#include "arena/settings.hpp"

#include <gtest/gtest.h>

#include "arena/arena.hpp"

namespace drumline::arena {
namespace {

std::string error_of(std::string_view document) {
  const Result<Settings> settings = read_settings(document);
  return settings.ok() ? "" : settings.error().message;
}

TEST(arena_settings, the_default_document_and_an_empty_one_are_the_same) {
  const Result<Settings> empty = read_settings("");
  const Result<Settings> whole = read_settings(arena_game().default_rules());
  ASSERT_TRUE(empty.ok());
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(empty->player.health_points, 100);
  EXPECT_EQ(whole->shot.cooldown_ms, empty->shot.cooldown_ms);
}

TEST(arena_settings, a_key_changes_its_number_only) {
  const Result<Settings> settings = read_settings("[melee]\ndamage_points = 42\n");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->melee.damage_points, 42);
  EXPECT_EQ(settings->melee.cooldown_ms, read_settings("")->melee.cooldown_ms);
}

TEST(arena_settings, errors_name_line_key_value_and_range) {
  EXPECT_EQ(error_of("[player]\n\nhealth_points = 256\n"),
            "arena rules, line 3: 'player.health_points' is 256; it must be an integer from 1 to 255");
  EXPECT_EQ(
      error_of("[player]\nhealth_points = 1.5\n"),
      "arena rules, line 2: 'player.health_points' is a number with a fraction; it must be an integer from 1 "
      "to 255");
  EXPECT_EQ(error_of("[player]\nhealth_points = \"much\"\n"),
            "arena rules, line 2: 'player.health_points' is the text \"much\"; it must be an integer from 1 "
            "to 255");
  EXPECT_EQ(error_of("[player]\nhelth_points = 3\n"),
            "arena rules, line 2: there is no key 'player.helth_points'");
  EXPECT_EQ(error_of("[plyer]\nhealth_points = 3\n"), "arena rules, line 1: there is no section 'plyer'");
  EXPECT_EQ(error_of("player = 3\n"), "arena rules, line 1: 'player' is 3; it must be a section");
  EXPECT_TRUE(error_of("[player\n").starts_with("arena rules, line 1: "));
}

TEST(arena_settings, players_and_area_must_fit_the_map) {
  const auto create = [](std::string_view rules, u32 players) {
    const auto made = arena_game().create(rules, {.seed = 1, .max_players = players});
    return made.ok() ? std::string() : made.error().message;
  };
  EXPECT_EQ(create("", 20'000), "");
  EXPECT_EQ(create("", 20'001), "arena: max_players is 20001; it must be from 1 to 20000");
  EXPECT_EQ(create("", 0), "arena: max_players is 0; it must be from 1 to 20000");
  EXPECT_EQ(create("[map]\narea_per_player_units2 = 10000\n", 2'000),
            "arena rules: 'map.area_per_player_units2' is 10000; for 2000 players it must be at most 8000");
}

TEST(arena_settings, durations_round_up_to_whole_ticks) {
  EXPECT_EQ(ticks_of_ms(16), 1u);
  EXPECT_EQ(ticks_of_ms(17), 2u);
  EXPECT_EQ(ticks_of_ms(0), 0u);
}

}  // namespace
}  // namespace drumline::arena
