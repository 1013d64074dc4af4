// Which files explain takes, and what it prints. That it finds the cause: tests/negative/desync.
#include "desync/explain.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "desync/hints.hpp"
#include "support/battle_log.hpp"
#include "support/recorded_battle.hpp"

namespace drumline::desync {
namespace {

constexpr char kFile[] = "battle.drec";

struct Explain : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;
  test::CountingGame game;
  std::vector<std::string> lines;

  const recording::GameLookup lookup = [this](std::string_view name) {
    return name == game.name() ? &game : nullptr;
  };
  Result<Explanation> explain(const std::string& a, const std::string& b, u64 battle = 0) {
    ExplainOptions options;
    options.a = a;
    options.b = b;
    options.battle = BattleId{battle};
    return desync::explain(files, lookup, options);
  }
  void print(const Explanation& explanation, bool json) {
    lines.clear();
    print_explanation(explanation, json, [this](std::string_view line) { lines.emplace_back(line); });
  }
  bool any_line_has(const std::string& words) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.find(words) != std::string::npos; });
  }
};

TEST_F(Explain, a_data_folder_against_a_clients_report) {
  test::BattleLog log(files, clock);
  ASSERT_TRUE(log.open().ok());
  ASSERT_TRUE(log.create(BattleId{1}, 11, 4).ok());
  ASSERT_TRUE(log.create(BattleId{2}, 12, 4).ok());
  log.snapshot_every = 16;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(log.tick().ok());
  ClientReport report;
  report.battle = BattleId{2};
  for (Tick tick = 40; tick <= 50; ++tick)
    report.hashes.push_back({tick, log.acknowledged[BattleId{2}][tick]});
  ASSERT_TRUE(write_report(files, "client.desync", report).ok());
  auto equal = explain(test::kData, "client.desync");
  ASSERT_TRUE(equal.ok()) << equal.error().message;
  EXPECT_EQ(equal->cause, Cause::none);
  EXPECT_EQ(equal->compared, 11U);
  report.hashes[5].hash ^= 1;
  report.state = {std::byte{1}};
  ASSERT_TRUE(write_report(files, "client.desync", report).ok());
  const auto explained = explain("client.desync", test::kData);
  ASSERT_TRUE(explained.ok()) << explained.error().message;
  EXPECT_EQ(explained->tick, 45U);
  EXPECT_EQ(explained->last_equal, 44U);
  EXPECT_FALSE(explained->reproduced_a);
  EXPECT_TRUE(explained->reproduced_b);
  EXPECT_TRUE(explained->inputs_b.known);
  EXPECT_FALSE(explained->state_tick);
  EXPECT_FALSE(explained->notes.empty()) << "a state that does not parse is told";
}

TEST_F(Explain, prints_everything_for_people_and_for_programs) {
  const test::CountingGame biased(3);
  test::record_ticks(files, kFile, game, 40, {.snapshot_every = 8});
  test::record_ticks(files, "biased.drec", biased, 40, {.snapshot_every = 8});
  const auto explained = explain(kFile, "biased.drec");
  ASSERT_TRUE(explained.ok());
  print(*explained, false);
  EXPECT_TRUE(any_line_has("first difference: tick 1, hash 0x"));
  EXPECT_TRUE(any_line_has("states of tick 8, the next one that both are known of (A kept, B kept)"));
  EXPECT_TRUE(
      any_line_has("table counts, entity 0x0000000200000000 (slot 0), field value: 92 in A, 107 in B"));
  EXPECT_TRUE(any_line_has("    A: tick 1, the rules' step: "));
  EXPECT_TRUE(any_line_has("inputs of tick 1 in both: 1"));
  EXPECT_TRUE(any_line_has("1: join player 0"));
  print(*explained, true);
  ASSERT_EQ(lines.size(), 1U);
  const auto json = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(json["cause"], "step");
  EXPECT_EQ(json["tick"], 1);
  EXPECT_EQ(json["state_tick"], 8);
  EXPECT_EQ(json["differences"][0]["table"], "counts");
  EXPECT_EQ(json["differences"][0]["field"], "value");
  EXPECT_EQ(json["writes_a"]["last"].back()["by"], "the rules' step");
}

TEST_F(Explain, what_cannot_be_compared_is_refused_with_the_reason) {
  test::record_ticks(files, kFile, game, 10);
  EXPECT_EQ(explain(kFile, "nowhere").error().code, ErrorCode::not_found);
  ClientReport report;
  report.battle = BattleId{3};
  report.hashes = {{99, 1}};
  ASSERT_TRUE(write_report(files, "late.desync", report).ok());
  const auto late = explain(kFile, "late.desync");
  ASSERT_FALSE(late.ok());
  EXPECT_NE(late.error().message.find("no tick in common"), std::string::npos);
  test::put_file(files, "broken.desync", as_bytes("DRUMDSY1 and no more"));
  EXPECT_EQ(explain(kFile, "broken.desync").error().code, ErrorCode::malformed);
}

TEST_F(Explain, damage_is_told_and_the_rest_is_compared) {
  test::record_ticks(files, kFile, game, 40, {.snapshot_every = 8});
  auto bytes = test::bytes_of(files, kFile);
  bytes.resize(bytes.size() - 100);
  test::put_file(files, "cut.drec", bytes);
  const auto explained = explain(kFile, "cut.drec");
  ASSERT_TRUE(explained.ok()) << explained.error().message;
  EXPECT_EQ(explained->cause, Cause::none);
  EXPECT_FALSE(explained->notes.empty());
}

TEST_F(Explain, control_characters_do_not_reach_a_terminal) {
  Explanation explanation;
  explanation.notes.emplace_back("a table named \x1b[2J");
  print(explanation, false);
  EXPECT_TRUE(any_line_has("a table named ?[2J"));
}

TEST(Hints, the_first_differing_line_is_named) {
  EXPECT_EQ(first_differing_line("a\nb\nc", "a\nx\nc"), "line 2 is \"b\" in A, \"x\" in B");
  EXPECT_EQ(first_differing_line("a\n", "a\nb"), "line 2 is \"\" in A, \"b\" in B");
  EXPECT_EQ(first_differing_line("a", "a\nb"), "one goes on where the other ends");
}

}  // namespace
}  // namespace drumline::desync
