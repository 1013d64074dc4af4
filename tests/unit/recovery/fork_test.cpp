#include "recovery/fork.hpp"

#include <gtest/gtest.h>

#include "env/simulated_files.hpp"
#include "recovery/print.hpp"
#include "support/counting_game.hpp"
#include "support/recorded_battle.hpp"

namespace drumline::recovery {
namespace {

constexpr char kFile[] = "battle.drec";

struct ForkTest : ::testing::Test {
  env::SimulatedFiles files;
  test::CountingGame game;
  std::vector<u64> hashes = test::record_ticks(files, kFile, game, 200, {.snapshot_every = 32});
  std::unique_ptr<recording::RecordingReader> reader = recording::RecordingReader::open(files, kFile).value();
  std::vector<std::string> lines;
  const LineSink sink = [this](std::string_view line) { lines.emplace_back(line); };
  const GameLookup lookup = [this](std::string_view) { return &game; };

  InputChanges changes(std::string_view text) {
    auto parsed = InputChanges::parse(text, "inputs");
    EXPECT_TRUE(parsed.ok()) << parsed.error().message;
    return std::move(parsed).value();
  }
  /// The first tick with another hash than recorded; 0 when there is none.
  Tick first_changed(const InputChanges& changed, Tick from) {
    auto fork = Fork::begin(*reader, game, changed, from);
    EXPECT_TRUE(fork.ok()) << fork.error().message;
    Tick first = 0;
    while ((*fork)->battle().tick() < reader->last_tick()) {
      const auto forked = (*fork)->next();
      EXPECT_TRUE(forked.ok());
      if (first == 0 && *forked->recorded_hash != forked->outcome.state_hash) first = forked->outcome.tick;
    }
    return first;
  }
  std::string refusal(std::string_view text) {
    const auto parsed = InputChanges::parse(text, "inputs");
    EXPECT_FALSE(parsed.ok()) << text;
    return parsed.ok() ? "" : parsed.error().message;
  }
};

TEST_F(ForkTest, without_changes_goes_as_recorded_from_any_tick) {
  for (const Tick from : {0U, 1U, 40U, 63U, 173U, 199U}) EXPECT_EQ(first_changed(InputChanges(), from), 0U);
}

TEST_F(ForkTest, an_added_command_changes_its_tick_and_the_recorded_ones_still_apply) {
  const auto changed = changes(R"({"tick": 100, "player": 1, "action": "move", "x": 77, "y": 0})");
  EXPECT_EQ(first_changed(changed, 60), 100U);
  auto fork = Fork::begin(*reader, game, changed, 99);
  u64 refused = 0;
  for (int i = 0; i < 30; ++i) {
    const auto forked = (*fork)->next();
    refused += forked->outcome.refused.size() + forked->outcome.duplicates;
    if (i == 0) {
      EXPECT_EQ(forked->added, 1U);
    }
  }
  EXPECT_EQ(refused, 0U);
}

TEST_F(ForkTest, left_out_inputs_are_not_applied) {
  const auto changed = changes(R"({"tick": 120, "kind": "without", "player": 2, "until": 125})");
  EXPECT_EQ(first_changed(changed, 100), 120U);
  auto fork = Fork::begin(*reader, game, changed, 119);
  for (int i = 0; i < 6; ++i) EXPECT_EQ((*fork)->next()->left_out, 1U);
  EXPECT_EQ((*fork)->next()->left_out, 0U);
}

TEST_F(ForkTest, joins_leaves_drops_and_tells_are_inputs_too) {
  const auto changed = changes(
      "{\"tick\": 101, \"kind\": \"leave\", \"player\": 3}\n"
      "\n"
      "{\"tick\": 102, \"kind\": \"join\", \"name\": \"new\", \"account\": \"0x10\"}\n"
      "{\"tick\": 103, \"kind\": \"drop\", \"player\": 3}\n"
      "{\"tick\": 104, \"kind\": \"tell\", \"message\": \"00ff\"}\n");
  auto fork = Fork::begin(*reader, game, changed, 100);
  (void)(*fork)->next();
  EXPECT_FALSE((*fork)->battle().seat(PlayerSlot{3}));
  (void)(*fork)->next();
  ASSERT_TRUE((*fork)->battle().seat(PlayerSlot{3}));
  EXPECT_EQ((*fork)->battle().seat(PlayerSlot{3})->profile.name_view(), "new");
  (void)(*fork)->next();
  EXPECT_FALSE((*fork)->battle().seat(PlayerSlot{3})->connected);
  const auto told = (*fork)->next();
  ASSERT_FALSE(told->outcome.refused.empty());
  EXPECT_EQ(told->outcome.refused[0].input.kind, battle::InputKind::tell);
}

TEST_F(ForkTest, goes_on_past_the_recorded_end) {
  const InputChanges none;
  auto fork = Fork::begin(*reader, game, none, 199);
  EXPECT_TRUE((*fork)->next()->recorded_hash);
  EXPECT_FALSE((*fork)->next()->recorded_hash);
  EXPECT_EQ((*fork)->battle().tick(), 201U);
}

TEST_F(ForkTest, past_the_end_is_not_told_as_a_change) {
  const InputChanges none;
  ReplayOptions options;
  options.to_tick = 210;
  options.changes = &none;
  ASSERT_TRUE(replay_battle(files, kFile, lookup, options, sink).ok());
  EXPECT_TRUE(lines[209].ends_with("past the recorded end")) << lines[209];
  EXPECT_TRUE(lines.back().ends_with("every tick as recorded")) << lines.back();
}

TEST_F(ForkTest, a_change_before_its_beginning_is_refused) {
  const auto changed = changes(R"({"tick": 50, "kind": "leave", "player": 0})");
  const auto fork = Fork::begin(*reader, game, changed, 50);
  ASSERT_FALSE(fork.ok());
  EXPECT_EQ(fork.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(fork.error().message.find("tick 50"), std::string::npos);
}

TEST_F(ForkTest, an_inputs_file_is_refused_with_line_and_key) {
  EXPECT_NE(refusal("{\"tick\": 1, \"kind\": \"drop\", \"player\": 0}\nhello").find("line 2"),
            std::string::npos);
  EXPECT_NE(refusal(R"([1, 2])").find("no JSON object"), std::string::npos);
  EXPECT_NE(refusal(R"({"kind": "drop", "player": 0})").find("'tick' is missing"), std::string::npos);
  EXPECT_NE(refusal(R"({"tick": -4, "kind": "drop", "player": 0})").find("'tick' is -4"), std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "kind": "jump"})").find("'kind' is \"jump\""), std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "kind": "drop"})").find("'player' is missing"), std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "player": 1, "action": "fly"})").find("'action'"), std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "player": 1, "action": "move", "x": 1.5})").find("'x' is 1.5"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "player": 1, "action": "move", "z": 1})").find("'z' means nothing"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "kind": "without", "until": 3})").find("'until'"), std::string::npos);
  EXPECT_NE(refusal(R"({"tick": 4, "kind": "tell", "message": "xyz"})").find("'message'"), std::string::npos);
  EXPECT_NE(
      refusal(R"({"tick": 4, "kind": "join", "name": "far too long a name for a seat"})").find("'name'"),
      std::string::npos);
  EXPECT_FALSE(InputChanges::read(files, "nowhere").ok());
}

TEST_F(ForkTest, is_printed_with_what_it_changed_and_recorded_when_asked) {
  const auto changed = changes(R"({"tick": 100, "player": 1, "action": "move", "x": 7})"
                               "\n"
                               R"({"tick": 100, "player": 1, "action": "move", "x": 7000})");
  ReplayOptions options;
  options.from_tick = 90;
  options.to_tick = 150;
  options.changes = &changed;
  options.out = "fork.drec";
  const auto replayed = replay_battle(files, kFile, lookup, options, sink);
  ASSERT_TRUE(replayed.ok()) << replayed.error().message;
  EXPECT_EQ(replayed->tick, 150U);
  EXPECT_NE(replayed->state_hash, hashes[150]);
  EXPECT_TRUE(lines[8].starts_with("tick 99  hash") && lines[8].ends_with("equal")) << lines[8];
  EXPECT_TRUE(lines[9].starts_with("tick 100  hash") && lines[9].ends_with("DIFFERENT")) << lines[9];
  EXPECT_TRUE(lines[10].starts_with("refused: tick 100: command player 1")) << lines[10];
  EXPECT_EQ(
      lines.back(),
      "forked from tick 90: 2 inputs added, 0 left out, 1 refused; other than recorded from tick 100 on");
  auto fork = recording::RecordingReader::open(files, "fork.drec");
  ASSERT_TRUE(fork.ok());
  EXPECT_EQ((*fork)->first_tick(), 90U);
  EXPECT_EQ(*(*fork)->recorded_hash(150), replayed->state_hash);
}

}  // namespace
}  // namespace drumline::recovery
