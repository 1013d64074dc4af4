// A battle leaves its data folder as a file, and is replayed, verified and inspected there.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "env/simulated_files.hpp"
#include "recording/writer.hpp"
#include "recovery/folder_history.hpp"
#include "recovery/print.hpp"
#include "recovery/verify.hpp"
#include "support/battle_log.hpp"
#include "support/recorded_battle.hpp"

namespace drumline::recovery {
namespace {

using test::BattleLog;
using test::kData;

constexpr char kFile[] = "battle.drec";

struct Record : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;
  BattleLog log{files, clock};
  std::vector<std::string> lines;
  const LineSink sink = [this](std::string_view line) { lines.emplace_back(line); };

  void SetUp() override {
    ASSERT_TRUE(log.open().ok());
    ASSERT_TRUE(log.create(BattleId{1}, 11, 4).ok());
    ASSERT_TRUE(log.create(BattleId{2}, 12, 8).ok());
  }
  void play(int ticks) {
    for (int i = 0; i < ticks; ++i) ASSERT_TRUE(log.tick().ok());
  }
  Result<RecordResult> record(BattleId battle, u32 every = 0) {
    return record_battle(files, kData, log.lookup(),
                         {.battle = battle, .out = kFile, .snapshot_every = every, .force = false}, nullptr);
  }
  Result<Verification> verify(bool force = false) {
    std::vector<std::string> notes;
    return verify_recording(files, kFile, log.lookup(), clock, force, notes, nullptr);
  }
  bool any_line_has(const std::string& words) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.find(words) != std::string::npos; });
  }
  void flip(u64 offset) {
    auto bytes = test::bytes_of(files, kFile);
    bytes[offset] ^= std::byte{1};
    test::put_file(files, kFile, bytes);
  }
};

TEST_F(Record, one_battle_of_a_folder_has_every_tick_and_hash) {
  play(300);
  const auto recorded = record(BattleId{2});
  ASSERT_TRUE(recorded.ok()) << recorded.error().message;
  EXPECT_EQ(recorded->first_tick, 0U);
  EXPECT_EQ(recorded->last_tick, 300U);
  EXPECT_EQ(recorded->bytes, test::bytes_of(files, kFile).size());
  auto reader = recording::RecordingReader::open(files, kFile);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->stored_ticks(), (std::vector<Tick>{0, 256}));
  for (Tick tick = 0; tick <= 300; ++tick) {
    EXPECT_EQ(*(*reader)->recorded_hash(tick), log.acknowledged[BattleId{2}][tick]);
  }
  const auto verified = verify();
  ASSERT_TRUE(verified.ok()) << verified.error().message;
  EXPECT_EQ(verified->ticks, 300U);
  EXPECT_EQ(verified->snapshots, 1U);
  EXPECT_TRUE(verified->differences.empty());
  EXPECT_TRUE(verified->damage.empty());
}

TEST_F(Record, with_a_pruned_beginning_it_begins_at_the_oldest_snapshot) {
  log.snapshot_every = 64;
  play(3000);
  ASSERT_GT(log.pruned_segments, 0U);
  const auto recorded = record(BattleId{1}, 32);
  ASSERT_TRUE(recorded.ok()) << recorded.error().message;
  EXPECT_GT(recorded->first_tick, 2000U);
  EXPECT_EQ(recorded->first_tick % 64, 0U);
  EXPECT_EQ(recorded->last_tick, 3000U);
  EXPECT_EQ(verify()->ticks, 3000U - recorded->first_tick);
}

TEST_F(Record, snapshots_in_the_journal_are_states_to_begin_at) {
  log.snapshot_every = 64;
  log.inline_snapshots = true;
  play(3000);
  ASSERT_GT(log.pruned_segments, 0U);
  auto history = open_history(files, kData, BattleId{2});
  ASSERT_TRUE(history.ok()) << history.error().message;
  EXPECT_GT((*history)->first_tick(), 0U);
  EXPECT_EQ((*history)->stored_ticks().back(), 2944U);
  EXPECT_EQ((*history)->info().seed, 12U);
  const auto recorded = record(BattleId{2});
  ASSERT_TRUE(recorded.ok()) << recorded.error().message;
  EXPECT_EQ(recorded->first_tick, (*history)->first_tick());
  EXPECT_EQ(recorded->state_hash, log.acknowledged[BattleId{2}][3000]);
}

TEST_F(Record, which_battle_must_be_said_when_there_are_several) {
  play(5);
  const auto recorded = record(BattleId{});
  ASSERT_FALSE(recorded.ok());
  EXPECT_EQ(recorded.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(recorded.error().message.find("1, 2"), std::string::npos);
  EXPECT_EQ(record(BattleId{9}).error().code, ErrorCode::not_found);
}

TEST_F(Record, a_battle_that_steps_otherwise_now_is_not_recorded) {
  play(20);
  log.game = test::CountingGame(5);
  const auto recorded = record(BattleId{1});
  ASSERT_FALSE(recorded.ok());
  EXPECT_EQ(recorded.error().code, ErrorCode::mismatch);
  EXPECT_NE(recorded.error().message.find("battle 1, tick 1"), std::string::npos);
  EXPECT_NE(recorded.error().message.find("desync explain"), std::string::npos);
  EXPECT_FALSE(*files.exists(kFile));
}

TEST_F(Record, replays_as_the_folder_does) {
  play(40);
  ASSERT_TRUE(record(BattleId{1}).ok());
  ASSERT_TRUE(replay_battle(files, kData, log.lookup(), {.battle = BattleId{1}}, sink).ok());
  const auto of_folder = std::exchange(lines, {});
  const auto replayed = replay_battle(files, kFile, log.lookup(), {}, sink);
  ASSERT_TRUE(replayed.ok()) << replayed.error().message;
  EXPECT_EQ(lines, of_folder);
  EXPECT_EQ(replayed->state_hash, log.acknowledged[BattleId{1}][40]);
}

TEST_F(Record, replays_from_any_tick_to_any_tick) {
  play(60);
  ASSERT_TRUE(record(BattleId{1}, 16).ok());
  ASSERT_TRUE(replay_battle(files, kFile, log.lookup(), {.from_tick = 37, .to_tick = 41}, sink).ok());
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(lines[0].starts_with("tick 38  hash"));
  EXPECT_EQ(replay_battle(files, kFile, log.lookup(), {.to_tick = 61}, sink).error().code,
            ErrorCode::not_found);
}

TEST_F(Record, another_simulations_recording_is_refused_and_forced_shows_all_ticks) {
  test::record_ticks(files, kFile, log.game, 10, {.origin = {"0123456789abcdef", "fedcba9876543210"}});
  const auto refused = replay_battle(files, kFile, log.lookup(), {}, sink);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::mismatch);
  EXPECT_NE(refused.error().message.find("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(verify().error().code, ErrorCode::mismatch);
  EXPECT_TRUE(verify(true).ok());
  log.game = test::CountingGame(5);
  const auto forced = replay_battle(files, kFile, log.lookup(), {.force = true}, sink);
  ASSERT_TRUE(forced.ok());
  EXPECT_FALSE(forced->equal);
  EXPECT_TRUE(any_line_has("note: "));
  EXPECT_TRUE(any_line_has("tick 10  hash"));
  EXPECT_TRUE(any_line_has("DIFFERENT"));
  EXPECT_TRUE(any_line_has("first difference: battle 3, tick 1: "));
}

TEST_F(Record, verify_names_a_difference_and_its_tick) {
  test::record_ticks(files, kFile, log.game, 30);
  log.game = test::CountingGame(5);
  const auto verified = verify();
  ASSERT_TRUE(verified.ok());
  ASSERT_EQ(verified->differences.size(), 1U);
  EXPECT_EQ(verified->differences[0].tick, 1U);
}

TEST_F(Record, verify_names_damage_and_compares_what_is_left) {
  test::record_ticks(files, kFile, log.game, 60, {.snapshot_every = 16});
  u64 damaged = 0;
  {
    auto reader = recording::RecordingReader::open(files, kFile);
    const auto visit = [&](const recording::Block& block) {
      if (block.kind == recording::BlockKind::tick && block.tick == 20) damaged = block.offset;
    };
    ASSERT_TRUE((*reader)->for_each_block(visit, [](const recording::Damage&) {}).ok());
  }
  flip(damaged + 30);
  const auto verified = verify();
  ASSERT_TRUE(verified.ok()) << verified.error().message;
  ASSERT_EQ(verified->damage.size(), 1U);
  EXPECT_EQ(verified->damage[0].offset, damaged);
  EXPECT_EQ(verified->ticks, 19U + 28U);
  EXPECT_TRUE(verified->differences.empty());
}

TEST_F(Record, inspect_shows_every_block) {
  test::record_ticks(files, kFile, log.game, 40, {.snapshot_every = 16});
  auto inspected = inspect(files, kFile, false, sink);
  ASSERT_TRUE(inspected.ok());
  EXPECT_EQ(inspected->damage, 0U);
  EXPECT_EQ(inspected->records, 1U + 40 + 3 + 1);
  EXPECT_TRUE(any_line_has("game counting"));
  EXPECT_TRUE(any_line_has("join player 0 account"));
  EXPECT_TRUE(any_line_has("move x"));
  EXPECT_TRUE(any_line_has("snapshot         tick 32"));
  EXPECT_TRUE(any_line_has("no damage found"));
  lines.clear();
  ASSERT_TRUE(inspect(files, kFile, true, sink).ok());
  for (const auto& line : lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST_F(Record, inspect_names_damage_and_its_place) {
  test::record_ticks(files, kFile, log.game, 40, {.snapshot_every = 16});
  flip(400);
  const auto inspected = inspect(files, kFile, false, sink);
  ASSERT_TRUE(inspected.ok());
  EXPECT_EQ(inspected->damage, 1U);
  EXPECT_TRUE(any_line_has("DAMAGE: the "));
  flip(3);
  EXPECT_EQ(inspect(files, kFile, false, sink)->damage, 1U);
}

}  // namespace
}  // namespace drumline::recovery
