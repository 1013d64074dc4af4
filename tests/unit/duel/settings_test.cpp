#include "duel/settings.hpp"

#include <gtest/gtest.h>

#include "duel/duel.hpp"

namespace drumline::duel {
namespace {

std::string error_of(std::string_view document) {
  const Result<Settings> settings = read_settings(document);
  return settings.ok() ? "" : settings.error().message;
}

TEST(duel_settings, the_default_document_and_an_empty_one_are_the_same) {
  const Result<Settings> empty = read_settings("");
  const Result<Settings> whole = read_settings(duel_game().default_rules());
  ASSERT_TRUE(empty.ok());
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(empty->fighter.health_points, 300);
  EXPECT_EQ(whole->special.speed_milliunits_per_s, empty->special.speed_milliunits_per_s);
}

TEST(duel_settings, a_key_changes_its_number_only) {
  const Result<Settings> settings = read_settings("[throw]\ndamage_points = 42\n");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->grab.damage_points, 42);
  EXPECT_EQ(settings->heavy.damage_points, read_settings("")->heavy.damage_points);
}

TEST(duel_settings, documents_that_take_turns_each_say_their_own) {
  constexpr std::string_view kMore = "[throw]\ndamage_points = 42\n";
  const i64 usual = read_settings("")->grab.damage_points;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read_settings(kMore)->grab.damage_points, 42);
    EXPECT_EQ(read_settings(kMore)->grab.damage_points, 42);
    EXPECT_EQ(read_settings("")->grab.damage_points, usual);
    EXPECT_FALSE(read_settings("[throw]\ndamage_points = none\n"));
  }
}

TEST(duel_settings, errors_name_line_key_value_and_range) {
  EXPECT_EQ(error_of("[fighter]\n\nhealth_points = 1001\n"),
            "duel rules, line 3: 'fighter.health_points' is 1001; it must be an integer from 1 to 1000");
  EXPECT_EQ(error_of("[light]\nstartup_ms = 1.5\n"),
            "duel rules, line 2: 'light.startup_ms' is a number with a fraction; it must be an integer from "
            "16 to 1000");
  EXPECT_EQ(error_of("[match]\nbest_of_rounds = \"three\"\n"),
            "duel rules, line 2: 'match.best_of_rounds' is the text \"three\"; it must be an integer from 1 "
            "to 9");
  EXPECT_EQ(error_of("[dash]\nrange = 3\n"), "duel rules, line 2: there is no key 'dash.range'");
  EXPECT_EQ(error_of("[dashing]\nduration_ms = 3\n"), "duel rules, line 1: there is no section 'dashing'");
  EXPECT_EQ(error_of("guard = 3\n"), "duel rules, line 1: 'guard' is 3; it must be a section");
  EXPECT_TRUE(error_of("[guard\n").starts_with("duel rules, line 1: "));
}

TEST(duel_settings, numbers_that_do_not_go_together_are_named) {
  EXPECT_EQ(error_of("[stage]\nwidth_milliunits = 6000\nstart_gap_milliunits = 5300\n"),
            "duel rules: 'stage.start_gap_milliunits' is 5300; it must be at most 5200, what the stage's "
            "width leaves");
  EXPECT_EQ(error_of("[meter]\nmax_points = 25\nstart_points = 0\n"),
            "duel rules: 'special.cost_points' is 30; it must be at most 25, which is 'meter.max_points'");
  EXPECT_EQ(error_of("[meter]\nstart_points = 90\nmax_points = 80\n"),
            "duel rules: 'meter.start_points' is 90; it must be at most 80, which is 'meter.max_points'");
}

TEST(duel_settings, a_battle_takes_any_number_of_seats_from_two_on_and_wants_two) {
  EXPECT_EQ(duel_game().most_players(), 2u);
  const auto create = [](u32 players) {
    const auto made = duel_game().create("", {.seed = 1, .max_players = players});
    return made.ok() ? std::string() : made.error().message;
  };
  EXPECT_EQ(create(2), "");
  EXPECT_EQ(create(10'000), "");
  EXPECT_EQ(create(1), "duel: max_players is 1; it must be 2 or more");
}

}  // namespace
}  // namespace drumline::duel
