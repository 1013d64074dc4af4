#include "recovery/print.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "env/simulated_files.hpp"
#include "support/battle_log.hpp"

namespace drumline::recovery {
namespace {

using test::BattleLog;
using test::kData;

struct Print : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;
  BattleLog log{files, clock};
  std::vector<std::string> lines;
  const LineSink sink = [this](std::string_view line) { lines.emplace_back(line); };
  const std::string segment = journal::segment_path(journal_folder(kData), 1);

  void SetUp() override {
    ASSERT_TRUE(log.open().ok());
    ASSERT_TRUE(log.create(BattleId{1}, 11, 4).ok());
    log.snapshot_every = 16;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(log.tick().ok());
  }
  bool any_line_has(const std::string& words) const {
    for (const auto& line : lines) {
      if (line.find(words) != std::string::npos) return true;
    }
    return false;
  }
};

TEST_F(Print, replay_prints_the_hash_of_each_tick) {
  const auto result = replay_battle(files, kData, log.lookup(), {.battle = BattleId{1}, .to_tick = 20}, sink);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->tick, 20U);
  EXPECT_EQ(result->state_hash, log.acknowledged[BattleId{1}][20]);
  ASSERT_EQ(lines.size(), 20U);
  EXPECT_TRUE(lines[19].starts_with("tick 20  hash 0x"));
  EXPECT_TRUE(lines[19].ends_with("equal"));
}

TEST_F(Print, replay_prints_a_state_with_names) {
  const auto result = replay_battle(
      files, kData, log.lookup(), {.battle = BattleId{1}, .to_tick = 40, .print = ReplayPrint::state}, sink);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(any_line_has("tick 40"));
  EXPECT_TRUE(any_line_has("table counts: "));
  EXPECT_TRUE(any_line_has("table seats: "));
  EXPECT_TRUE(any_line_has("last_sequence"));
}

TEST_F(Print, replay_prints_events_as_json) {
  const auto result = replay_battle(
      files, kData, log.lookup(), {.battle = BattleId{1}, .print = ReplayPrint::events, .json = true}, sink);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(lines.size(), 5U);
  const auto json = nlohmann::json::parse(lines[4]);
  EXPECT_EQ(json["event"], "round");
  EXPECT_EQ(json["tick"], 50);
}

TEST_F(Print, replay_of_what_is_not_there_says_so) {
  EXPECT_EQ(replay_battle(files, kData, log.lookup(), {.battle = BattleId{9}}, sink).error().code,
            ErrorCode::not_found);
  const auto late = replay_battle(files, kData, log.lookup(), {.battle = BattleId{1}, .to_tick = 99}, sink);
  ASSERT_FALSE(late.ok());
  EXPECT_NE(late.error().message.find("leads to tick 50"), std::string::npos);
}

TEST_F(Print, inspect_shows_a_segment_readably) {
  const auto result = inspect(files, segment, false, sink);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->damage, 0U);
  EXPECT_EQ(result->records, 54U);
  EXPECT_TRUE(any_line_has("battle_created"));
  EXPECT_TRUE(any_line_has("join player 0 account"));
  EXPECT_TRUE(any_line_has("move x"));
  EXPECT_TRUE(any_line_has("snapshot_taken"));
  EXPECT_TRUE(any_line_has("no damage found"));
}

TEST_F(Print, inspect_speaks_json) {
  ASSERT_TRUE(inspect(files, segment, true, sink).ok());
  for (const auto& line : lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST_F(Print, inspect_names_damage_and_goes_on_after_it) {
  auto file = files.open(segment, env::OpenMode::read_write);
  const std::byte wrong{0xA5};
  ASSERT_TRUE((*file)->write_at(600, {&wrong, 1}).ok());
  const auto result = inspect(files, segment, false, sink);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->damage, 1U);
  EXPECT_EQ(result->records, 53U);
  EXPECT_TRUE(any_line_has("DAMAGE: its checksum does not hold"));
}

TEST_F(Print, inspect_shows_a_snapshot) {
  const std::string path = log.store().battle_folder(BattleId{1}) + "/" + snapshot::snapshot_name(48);
  auto result = inspect(files, path, false, sink);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->damage, 0U);
  EXPECT_TRUE(any_line_has("tick 48"));
  EXPECT_TRUE(any_line_has("table seats"));
  auto file = files.open(path, env::OpenMode::read_write);
  ASSERT_TRUE((*file)->truncate(100).ok());
  result = inspect(files, path, false, sink);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->damage, 1U);
}

TEST_F(Print, inspect_of_another_file_is_refused) {
  ASSERT_TRUE(env::write_file_atomic(files, "data/readme", as_bytes("hello")).ok());
  EXPECT_EQ(inspect(files, "data/readme", false, sink).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace drumline::recovery
