#include "world/snapshot.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sample_world.hpp"
#include "world/hash.hpp"

namespace drumline::world {
namespace {

using testing::SampleWorld;

struct Other {
  u8 sort;
  static constexpr auto kFields = fields(field("sort", &Other::sort));
};

std::vector<std::byte> snapshot_of(const World& world) {
  std::vector<std::byte> bytes;
  encode_snapshot(world, "sample", bytes);
  return bytes;
}

TEST(snapshot, a_restored_world_has_the_same_hash_and_the_same_future) {
  SampleWorld first;
  Rng rng(1);
  for (int i = 0; i < 30; ++i) {
    first.shake(rng, 200);
    SampleWorld second(777);
    ASSERT_TRUE(restore_snapshot(snapshot_of(first.world), "sample", second.world).ok());
    EXPECT_EQ(hash_world(second.world), hash_world(first.world));
    Rng same = rng;
    Rng again = rng;
    SampleWorld third;
    ASSERT_TRUE(restore_snapshot(snapshot_of(first.world), "sample", third.world).ok());
    second.shake(same, 100);
    third.shake(again, 100);
    EXPECT_EQ(hash_world(second.world), hash_world(third.world));
  }
}

TEST(snapshot, an_empty_world_goes_round) {
  SampleWorld first;
  SampleWorld second(2);
  ASSERT_TRUE(restore_snapshot(snapshot_of(first.world), "sample", second.world).ok());
  EXPECT_EQ(hash_world(second.world), hash_world(first.world));
}

TEST(snapshot, never_takes_more_room_than_was_said) {
  SampleWorld sample;
  Rng rng(2);
  const std::size_t most = max_snapshot_bytes(sample.world);
  for (int i = 0; i < 30; ++i) {
    sample.shake(rng, 400);
    EXPECT_LE(snapshot_of(sample.world).size(), most);
  }
  for (std::size_t i = 0; i < sample.world.table_count(); ++i) {
    while (sample.world.table(i).create() != EntityId{}) {
    }
  }
  EXPECT_LE(snapshot_of(sample.world).size(), most);
  EXPECT_EQ(max_snapshot_bytes(sample.world), most);
}

TEST(snapshot, is_messagepack_that_others_can_read) {
  SampleWorld sample;
  Rng rng(2);
  sample.shake(rng, 200);
  const auto bytes = snapshot_of(sample.world);
  const auto* data = reinterpret_cast<const u8*>(bytes.data());
  const nlohmann::json read = nlohmann::json::from_msgpack(data, data + bytes.size());
  EXPECT_EQ(read["format"], "drumline.snapshot");
  EXPECT_EQ(read["tick"], sample.world.tick());
  EXPECT_EQ(read["hash"], hash_world(sample.world).combined);
  EXPECT_EQ(read["tables"][0]["columns"][5]["name"], "d");
  EXPECT_EQ(read["tables"][0]["columns"][5]["type"], "u16");
  EXPECT_EQ(read["tables"][0]["columns"][5]["rows"].get_binary().size(), sample.bodies.used() * 2);
}

TEST(snapshot, another_shape_is_refused_by_name_and_changes_nothing) {
  SampleWorld small(1, 100);
  Rng rng(3);
  SampleWorld large(1, 200);
  large.shake(rng, 100);
  const WorldHash before = hash_world(large.world);
  const auto bytes = snapshot_of(small.world);
  const Result<void> result = restore_snapshot(bytes, "sample", large.world);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::mismatch);
  EXPECT_EQ(result.error().message, "snapshot: table body: capacity 100 instead of 200");
  EXPECT_EQ(hash_world(large.world), before);

  const Result<void> other_game = restore_snapshot(bytes, "chess", small.world);
  ASSERT_FALSE(other_game.ok());
  EXPECT_EQ(other_game.error().message, "snapshot: it is of the game 'sample', not 'chess'");
}

TEST(snapshot, a_renamed_field_is_refused_by_name) {
  World expected(1);
  expected.add_table<Other>("mark", 70);
  World recorded(1);
  recorded.add_table<testing::Mark>("mark", 70);
  const Result<void> result = restore_snapshot(snapshot_of(recorded), "sample", expected);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "snapshot: table mark: column 0 is 'kind' (u8) instead of 'sort' (u8)");
}

TEST(snapshot, every_truncation_is_refused) {
  SampleWorld sample(1, 20);
  Rng rng(4);
  sample.shake(rng, 100);
  const auto bytes = snapshot_of(sample.world);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SampleWorld target(1, 20);
    EXPECT_FALSE(restore_snapshot(Bytes(bytes).first(size), "sample", target.world).ok()) << size;
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  SampleWorld target(1, 20);
  EXPECT_FALSE(restore_snapshot(longer, "sample", target.world).ok());
}

TEST(snapshot, every_flipped_bit_is_refused) {
  SampleWorld sample(1, 20);
  Rng rng(5);
  sample.shake(rng, 100);
  auto bytes = snapshot_of(sample.world);
  SampleWorld target(1, 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= static_cast<std::byte>(1 << bit);
      EXPECT_FALSE(restore_snapshot(bytes, "sample", target.world).ok()) << i << " bit " << bit;
      bytes[i] ^= static_cast<std::byte>(1 << bit);
    }
  }
  EXPECT_TRUE(restore_snapshot(bytes, "sample", target.world).ok()) << "a refused one leaves nothing behind";
  EXPECT_EQ(hash_world(target.world), hash_world(sample.world));
}

TEST(snapshot, random_bytes_are_refused) {
  Rng rng(6);
  SampleWorld target;
  std::vector<std::byte> bytes;
  for (int i = 0; i < 20'000; ++i) {
    bytes.resize(rng.below(u64{200}));
    for (auto& byte : bytes) byte = static_cast<std::byte>(rng.next_u64());
    EXPECT_FALSE(restore_snapshot(bytes, "sample", target.world).ok());
  }
}

}  // namespace
}  // namespace drumline::world
