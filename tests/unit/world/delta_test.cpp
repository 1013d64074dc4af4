#include "world/delta.hpp"

#include <gtest/gtest.h>

#include "sample_world.hpp"
#include "world/hash.hpp"

namespace drumline::world {
namespace {

using testing::Body;
using testing::SampleWorld;

std::vector<std::byte> snapshot_of(const World& world) {
  std::vector<std::byte> bytes;
  encode_snapshot(world, "sample", bytes);
  return bytes;
}

std::vector<std::byte> delta_of(const std::vector<std::byte>& base, const World& world) {
  const Result<StateView> view = read_snapshot(base);
  EXPECT_TRUE(view.ok());
  std::vector<std::byte> bytes;
  EXPECT_TRUE(encode_delta(*view, world, bytes).ok());
  return bytes;
}

TEST(delta, base_and_delta_give_the_later_state) {
  SampleWorld now;
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    const auto base = snapshot_of(now.world);
    now.shake(rng, static_cast<u32>(rng.below(u64{150})));
    const auto delta = delta_of(base, now.world);
    SampleWorld copy(5);
    ASSERT_TRUE(restore_snapshot(base, "sample", copy.world).ok());
    const Result<void> applied = apply_delta(delta, "sample", copy.world);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
    EXPECT_EQ(hash_world(copy.world), hash_world(now.world));
  }
}

TEST(delta, is_small_when_little_changed) {
  SampleWorld now;
  Rng rng(2);
  now.shake(rng, 2'000);
  const auto base = snapshot_of(now.world);
  u32 slot = 0;
  while (!now.bodies.is_live(slot)) ++slot;
  now.bodies.at<&Body::d>(slot) ^= 1;
  now.world.set_tick(now.world.tick() + 1);
  EXPECT_LT(delta_of(base, now.world).size() * 10, base.size());
}

TEST(delta, goes_back_in_time_too) {
  SampleWorld early;
  SampleWorld late;
  Rng rng(3);
  late.shake(rng, 500);
  const auto delta = delta_of(snapshot_of(late.world), early.world);
  ASSERT_TRUE(apply_delta(delta, "sample", late.world).ok());
  EXPECT_EQ(hash_world(late.world), hash_world(early.world));
}

TEST(delta, another_base_is_refused_and_the_world_is_untouched) {
  SampleWorld now;
  Rng rng(4);
  const auto base = snapshot_of(now.world);
  now.shake(rng);
  const auto delta = delta_of(base, now.world);
  const WorldHash before = hash_world(now.world);
  const Result<void> result = apply_delta(delta, "sample", now.world);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::mismatch);
  EXPECT_EQ(hash_world(now.world), before);
}

TEST(delta, every_truncation_and_flipped_bit_is_refused) {
  SampleWorld now(1, 20);
  Rng rng(5);
  now.shake(rng, 40);
  const auto base = snapshot_of(now.world);
  now.shake(rng, 20);
  auto delta = delta_of(base, now.world);
  SampleWorld copy(1, 20);
  const auto refused = [&](Bytes bytes) {
    EXPECT_TRUE(restore_snapshot(base, "sample", copy.world).ok());
    return !apply_delta(bytes, "sample", copy.world).ok();
  };
  for (std::size_t size = 0; size < delta.size(); ++size)
    EXPECT_TRUE(refused(Bytes(delta).first(size))) << size;
  for (std::size_t i = 0; i < delta.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      delta[i] ^= static_cast<std::byte>(1 << bit);
      if (!refused(delta)) {
        EXPECT_EQ(hash_world(copy.world), hash_world(now.world))
            << "harmless only when the result is the same";
      }
      delta[i] ^= static_cast<std::byte>(1 << bit);
    }
  }
}

TEST(delta, shapes_must_agree) {
  SampleWorld small(1, 10);
  SampleWorld large(1, 20);
  std::vector<std::byte> bytes;
  const Result<void> result = encode_delta(view_of(small.world, "sample"), large.world, bytes);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "delta: base: table body: capacity 10 instead of 20");
}

}  // namespace
}  // namespace drumline::world
