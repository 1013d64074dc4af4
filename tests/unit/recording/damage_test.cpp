// What a recording says of itself when its bytes are not what they were.
#include <gtest/gtest.h>

#include "support/counting_game.hpp"
#include "support/recorded_battle.hpp"

namespace drumline::recording {
namespace {

using test::CountingGame;

constexpr char kWhole[] = "whole.drec";
constexpr char kFile[] = "battle.drec";
constexpr int kTicks = 60;

struct RecordingDamage : ::testing::Test {
  env::SimulatedFiles files;
  CountingGame game;
  std::vector<u64> hashes = test::record_ticks(files, kWhole, game, kTicks, {.snapshot_every = 16});
  const std::vector<std::byte> whole = test::bytes_of(files, kWhole);

  /// Offset of the block of this kind and tick.
  u64 offset_of(BlockKind kind, Tick tick) {
    u64 found = 0;
    auto reader = RecordingReader::open(files, kWhole);
    EXPECT_TRUE((*reader)
                    ->for_each_block(
                        [&](const Block& block) {
                          if (block.kind == kind && block.tick == tick) found = block.offset;
                        },
                        [](const Damage&) {})
                    .ok());
    return found;
  }
  void flip(u64 offset) {
    std::vector<std::byte> bytes = whole;
    bytes[offset] ^= std::byte{0x04};
    test::put_file(files, kFile, bytes);
  }

  /// Reads all that can be read. Every tick that is played must have its true hash:
  /// damage may hide ticks, never change them. Returns how much was told of damage.
  std::size_t read_through() {
    auto opened = RecordingReader::open(files, kFile);
    if (!opened) {
      EXPECT_NE(opened.error().message.find("offset"), std::string::npos) << opened.error().message;
      return 1;
    }
    RecordingReader& reader = **opened;
    std::size_t told = reader.damage().size();
    EXPECT_TRUE(reader.for_each_block([](const Block&) {}, [&](const Damage&) { ++told; }).ok());
    EXPECT_LE(reader.last_tick(), Tick{kTicks});
    battle::TickRecord record;
    for (Tick tick = reader.first_tick() + 1; tick <= reader.last_tick(); ++tick) {
      const auto read = reader.read_tick(tick, record);
      if (read) {
        EXPECT_EQ(record.state_hash, hashes[tick]);
      } else {
        ++told;
        EXPECT_NE(read.error().message.find("offset"), std::string::npos) << read.error().message;
      }
    }
    Player player(reader, game);
    for (const Tick tick : reader.stored_ticks()) {
      const auto begun = player.begin_at(tick);
      if (!begun) {
        ++told;
        continue;
      }
      EXPECT_EQ(player.battle()->state_hash(), hashes[tick]);
    }
    return told;
  }
};

TEST_F(RecordingDamage, every_flipped_byte_is_told_and_changes_no_tick) {
  for (u64 offset = 0; offset < whole.size(); ++offset) {
    flip(offset);
    EXPECT_GT(read_through(), 0U) << "byte " << offset;
    if (HasFailure()) return;
  }
}

TEST_F(RecordingDamage, every_truncation_is_told_and_changes_no_tick) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::put_file(files, kFile, Bytes(whole).first(size));
    EXPECT_GT(read_through(), 0U) << size << " bytes";
    if (HasFailure()) return;
  }
}

TEST_F(RecordingDamage, a_truncated_one_plays_as_far_as_it_goes) {
  const u64 cut = offset_of(BlockKind::tick, 41) + 5;
  test::put_file(files, kFile, Bytes(whole).first(cut));
  auto reader = RecordingReader::open(files, kFile);
  ASSERT_TRUE(reader.ok());
  EXPECT_FALSE((*reader)->complete());
  EXPECT_EQ((*reader)->last_tick(), 40U);
  ASSERT_FALSE((*reader)->damage().empty());
  EXPECT_EQ((*reader)->damage().back().offset, cut - 5);
  Player player(**reader, game);
  ASSERT_TRUE(player.seek(40).ok());
  EXPECT_EQ(player.battle()->state_hash(), hashes[40]);
}

TEST_F(RecordingDamage, a_damaged_state_is_passed_over) {
  const u64 offset = offset_of(BlockKind::snapshot, 32);
  flip(offset + 60);
  auto reader = RecordingReader::open(files, kFile);
  ASSERT_TRUE(reader.ok());
  Player player(**reader, game);
  ASSERT_TRUE(player.seek(40).ok());
  EXPECT_EQ(player.battle()->state_hash(), hashes[40]);
  EXPECT_EQ(player.began_at(), 16U);
  ASSERT_EQ(player.passed_over().size(), 1U);
  EXPECT_NE(player.passed_over()[0].message.find("offset " + std::to_string(offset)), std::string::npos);
  EXPECT_NE(player.passed_over()[0].message.find("snapshot block of tick 32"), std::string::npos);
}

TEST_F(RecordingDamage, ticks_behind_a_damaged_one_are_reached_from_the_next_state) {
  const u64 offset = offset_of(BlockKind::tick, 20);
  flip(offset + kBlockHeaderBytes + 1);
  auto reader = RecordingReader::open(files, kFile);
  ASSERT_TRUE(reader.ok());
  Player player(**reader, game);
  const auto at = player.seek(20);
  ASSERT_FALSE(at.ok());
  EXPECT_NE(at.error().message.find("offset " + std::to_string(offset)), std::string::npos);
  EXPECT_NE(at.error().message.find("tick block of tick 20"), std::string::npos);
  ASSERT_TRUE(player.seek(35).ok());
  EXPECT_EQ(player.battle()->state_hash(), hashes[35]);
}

TEST_F(RecordingDamage, without_its_index_it_is_read_block_by_block) {
  const u64 offset = offset_of(BlockKind::index, kTicks);
  flip(offset + kBlockHeaderBytes + 3);
  auto reader = RecordingReader::open(files, kFile);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->last_tick(), Tick{kTicks});
  EXPECT_EQ((*reader)->stored_ticks(), (std::vector<Tick>{0, 16, 32, 48}));
  ASSERT_FALSE((*reader)->damage().empty());
  EXPECT_EQ((*reader)->damage()[0].offset, offset);
}

TEST_F(RecordingDamage, an_index_that_promises_more_than_the_file_holds_is_not_believed) {
  const u64 offset = offset_of(BlockKind::index, kTicks);
  auto bytes = whole;
  const std::size_t payload = bytes.size() - kTrailerBytes - offset - kBlockHeaderBytes;
  auto index = decode_index(Bytes(bytes).subspan(offset + kBlockHeaderBytes, payload)).value();
  const u32 number = index.blocks;
  index.last_tick = Tick{1} << 50;
  const auto changed = encode_index(index);
  std::copy(changed.begin(), changed.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(offset + kBlockHeaderBytes));
  encode_block_header(BlockKind::index, number, kTicks, changed,
                      std::span(bytes).subspan(offset).first<kBlockHeaderBytes>());
  test::put_file(files, kFile, bytes);
  auto reader = RecordingReader::open(files, kFile);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->last_tick(), Tick{kTicks});
  EXPECT_FALSE((*reader)->damage().empty());
}

TEST_F(RecordingDamage, what_is_no_recording_is_refused) {
  for (const std::string& text : {std::string(), std::string("hello"), std::string(200, 'x')}) {
    test::put_file(files, kFile, as_bytes(text));
    const auto opened = RecordingReader::open(files, kFile);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::malformed);
  }
  EXPECT_EQ(RecordingReader::open(files, "nowhere.drec").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace drumline::recording
