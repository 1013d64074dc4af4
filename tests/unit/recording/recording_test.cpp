#include <gtest/gtest.h>

#include "battle/build_info.hpp"
#include "support/counting_game.hpp"
#include "support/recorded_battle.hpp"

namespace drumline::recording {
namespace {

using test::CountingGame;

constexpr char kFile[] = "battle.drec";

struct Recording : ::testing::Test {
  env::SimulatedFiles files;
  CountingGame game;
  std::vector<u64> hashes;

  void record(int ticks, u32 snapshot_every = 16) {
    hashes = test::record_ticks(files, kFile, game, ticks, {.snapshot_every = snapshot_every});
  }
  std::unique_ptr<RecordingReader> open() {
    auto opened = RecordingReader::open(files, kFile);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }
};

TEST_F(Recording, says_what_the_battle_is_made_of) {
  record(100);
  const auto reader = open();
  EXPECT_EQ(reader->info().id, BattleId{3});
  EXPECT_EQ(reader->info().epoch, Epoch{2});
  EXPECT_EQ(reader->info().game, "counting");
  EXPECT_EQ(reader->info().seed, 11U);
  EXPECT_EQ(reader->info().max_players, 4U);
  EXPECT_EQ(reader->info().rules_document, game.default_rules());
  EXPECT_EQ(reader->origin(), own_origin());
  EXPECT_EQ(reader->first_tick(), 0U);
  EXPECT_EQ(reader->last_tick(), 100U);
  EXPECT_EQ(reader->stored_ticks(), (std::vector<Tick>{0, 16, 32, 48, 64, 80, 96}));
  EXPECT_TRUE(reader->complete());
  EXPECT_TRUE(reader->damage().empty());
}

TEST_F(Recording, plays_with_the_hash_of_every_tick) {
  record(300);
  const auto reader = open();
  Player player(*reader, game);
  ASSERT_TRUE(player.begin_at(0).ok());
  for (Tick tick = 1; tick <= 300; ++tick) {
    const auto played = player.next();
    ASSERT_TRUE(played.ok()) << played.error().message;
    EXPECT_FALSE(played->difference);
    EXPECT_EQ(played->recorded_hash, hashes[tick]);
    EXPECT_EQ(played->outcome.state_hash, hashes[tick]);
  }
  EXPECT_EQ(player.next().error().code, ErrorCode::not_found);
}

TEST_F(Recording, seeks_to_any_tick_in_any_order) {
  record(200);
  const auto reader = open();
  Player player(*reader, game);
  for (const Tick tick : {150U, 3U, 199U, 200U, 16U, 17U, 15U, 0U, 96U, 120U}) {
    ASSERT_TRUE(player.seek(tick).ok());
    EXPECT_EQ(player.battle()->tick(), tick);
    EXPECT_EQ(player.battle()->state_hash(), hashes[tick]);
    EXPECT_LT(tick - player.began_at(), 16U + 24U);
  }
  const auto past = player.seek(201);
  ASSERT_FALSE(past.ok());
  EXPECT_NE(past.error().message.find("leads to tick 200"), std::string::npos);
}

TEST_F(Recording, begins_in_the_middle_of_a_battle_too) {
  auto battle = battle::Battle::create(game, test::battle_info(game));
  for (int i = 0; i < 37; ++i) (void)(*battle)->step(test::scripted_inputs(**battle));
  auto writer = RecordingWriter::begin(files, kFile, **battle);
  for (int i = 0; i < 20; ++i) {
    const auto outcome = (*battle)->step(test::scripted_inputs(**battle));
    ASSERT_TRUE((*writer)->add(**battle, outcome).ok());
  }
  ASSERT_TRUE((*writer)->finish().ok());
  const auto reader = open();
  EXPECT_EQ(reader->first_tick(), 37U);
  Player player(*reader, game);
  ASSERT_TRUE(player.seek(57).ok());
  EXPECT_EQ(player.battle()->state_hash(), (*battle)->state_hash());
  EXPECT_FALSE(player.seek(36).ok());
}

TEST_F(Recording, a_step_that_does_otherwise_is_told_with_its_tick) {
  record(50);
  const auto reader = open();
  const CountingGame other(3);
  Player player(*reader, other);
  ASSERT_TRUE(player.seek(10).ok());
  ASSERT_TRUE(player.difference());
  EXPECT_EQ(player.difference_tick(), 1U);
  EXPECT_NE(player.difference()->message.find("battle 3, tick 1"), std::string::npos);
}

TEST_F(Recording, of_another_simulation_is_refused_with_both_ids_and_forced_with_a_note) {
  test::record_ticks(files, kFile, game, 5, {.origin = {"0123456789abcdef", "fedcba9876543210"}});
  const auto reader = open();
  std::vector<std::string> notes;
  const auto refused = check_origin(*reader, false, notes);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::mismatch);
  EXPECT_NE(refused.error().message.find("0123456789abcdef"), std::string::npos);
  EXPECT_NE(refused.error().message.find(battle::simulation_id()), std::string::npos);
  EXPECT_NE(refused.error().message.find("--force"), std::string::npos);
  EXPECT_TRUE(notes.empty());
  ASSERT_TRUE(check_origin(*reader, true, notes).ok());
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("0123456789abcdef"), std::string::npos);
}

TEST_F(Recording, of_another_compiler_is_played_with_a_note) {
  test::record_ticks(files, kFile, game, 5, {.origin = {battle::simulation_id(), "fedcba9876543210"}});
  const auto reader = open();
  std::vector<std::string> notes;
  ASSERT_TRUE(check_origin(*reader, false, notes).ok());
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("fedcba9876543210"), std::string::npos);
}

TEST_F(Recording, an_unfinished_one_leaves_no_file) {
  auto battle = battle::Battle::create(game, test::battle_info(game));
  {
    auto writer = RecordingWriter::begin(files, kFile, **battle);
    ASSERT_TRUE(writer.ok());
  }
  EXPECT_FALSE(*files.exists(kFile));
  EXPECT_FALSE(*files.exists(std::string(kFile) + ".new"));
}

TEST_F(Recording, a_full_disk_is_an_error_and_leaves_no_file) {
  auto battle = battle::Battle::create(game, test::battle_info(game));
  files.set_capacity(8192);
  {
    auto writer = RecordingWriter::begin(files, kFile, **battle, {.snapshot_every = 1});
    ASSERT_TRUE(writer.ok());
    Result<void> done;
    for (int i = 0; i < 4000 && done; ++i) {
      const auto outcome = (*battle)->step(test::scripted_inputs(**battle));
      done = (*writer)->add(**battle, outcome);
    }
    if (done) done = (*writer)->finish();
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, ErrorCode::exhausted);
  }
  EXPECT_FALSE(*files.exists(kFile));
}

}  // namespace
}  // namespace drumline::recording
