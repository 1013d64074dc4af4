// Bytes that nobody of ours sent.
#include <algorithm>
#include <array>
#include <map>

#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

/// Real datagrams to damage, and the schema that they were made with.
struct Recording {
  Schema schema;
  std::vector<std::vector<std::byte>> datagrams;
  std::vector<std::vector<std::byte>> frames;
};

Recording record() {
  Recording all;
  MovingWorld world(60, 20, 120, 21);
  Server server(world);
  all.schema = server.encoder->schema();
  const InterestPlan plan{InterestSettings{}};
  ClientView view(plan, PlayerSlot{0});
  StateDecoder decoder(all.schema);
  for (u32 t = 0; t < 120; ++t) {
    world.step(20);
    const world::Event event{.kind = 1,
                             .source = world.players()[0],
                             .target = {},
                             .x = world::Fixed::from_int(60),
                             .y = world::Fixed::from_int(60),
                             .a = 5,
                             .b = -7};
    server.tick(std::span(&event, t % 5 == 0 ? 1 : 0));
    all.frames.emplace_back(server.frame.begin(), server.frame.end());
    std::vector<std::byte> datagram(1100);
    datagram.resize(view.assemble(server.cache, datagram));
    decoder.apply(datagram);
    u32 acks[32];
    const std::size_t count = decoder.take_acks(acks);
    for (std::size_t i = 0; i < count; ++i) view.acknowledge(acks[i]);
    all.datagrams.push_back(std::move(datagram));
  }
  return all;
}

void damage(std::vector<std::byte>& bytes, std::mt19937& random) {
  switch (random() % 4) {
    case 0:
      for (u32 i = 0; i < 1 + random() % 4; ++i)
        bytes[random() % bytes.size()] ^= std::byte(1 << (random() % 8));
      break;
    case 1:
      bytes.resize(1 + random() % bytes.size());
      break;
    case 2:
      for (u32 i = 0; i < 8; ++i) bytes[random() % bytes.size()] = std::byte(random());
      break;
    default:
      bytes.resize(1 + random() % 300);
      for (std::byte& each : bytes) each = std::byte(random());
      bytes[0] = std::byte{1};
      break;
  }
}

TEST(Hostile, datagrams_neither_crash_a_decoder_nor_make_it_grow) {
  const Recording real = record();
  std::mt19937 random(22);
  StateDecoder decoder(real.schema, {.streams = 64});
  for (u32 i = 0; i < 100'000; ++i) {
    std::vector<std::byte> datagram = real.datagrams[random() % real.datagrams.size()];
    if (i % 8 != 0) damage(datagram, random);
    decoder.apply(datagram);
    if (i % 64 == 0) {
      u32 seen = 0;
      decoder.for_each([&](const StateDecoder::Entity& entity) { seen += entity.value(0) != 0 ? 1 : 0; });
      StateDecoder::Entity entity;
      decoder.find(EntityId{random()}, entity);
    }
  }
  EXPECT_GT(decoder.counters().malformed, 1000U);
  // 64 streams of at most 256 entities and 6 fields, three times, and what vectors keep in reserve.
  EXPECT_LT(decoder.memory_bytes() + decoder.store().memory_bytes(), 8U << 20);
  EXPECT_LE(decoder.store().held(), 64U * 3);
  std::vector<u32> acks(4096);
  EXPECT_LE(decoder.take_acks(acks), 512U);
}

TEST(Acknowledgements, are_new_once_and_given_out_three_times_the_new_ones_first) {
  const Recording real = record();
  StateDecoder decoder(real.schema);
  decoder.apply(real.datagrams[0]);
  ASSERT_TRUE(decoder.has_new_acks());
  std::array<u32, 32> first{};
  const std::size_t count = decoder.take_acks(first);
  ASSERT_GT(count, 0U);
  ASSERT_LT(count, first.size());
  EXPECT_FALSE(decoder.has_new_acks());

  std::size_t at = 1;
  while (at < real.datagrams.size() && !decoder.has_new_acks()) decoder.apply(real.datagrams[at++]);
  ASSERT_TRUE(decoder.has_new_acks());
  std::array<u32, 1> newest{};
  ASSERT_EQ(decoder.take_acks(newest), 1U);
  EXPECT_EQ(std::ranges::find(first, newest[0]), first.end());

  std::map<u32, int> times;
  for (std::size_t i = 0; i < count; ++i) ++times[first[i]];
  std::array<u32, 512> rest{};
  while (const std::size_t taken = decoder.take_acks(rest)) {
    for (std::size_t i = 0; i < taken; ++i) ++times[rest[i]];
  }
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(times[first[i]], 3);
}

TEST(Hostile, every_truncation_is_refused_or_harmless) {
  const Recording real = record();
  for (std::size_t which : {0, 1, 40, 100}) {
    for (std::size_t size = 0; size < real.datagrams[which].size(); ++size) {
      StateDecoder decoder(real.schema);
      for (std::size_t i = 0; i < which; ++i) decoder.apply(real.datagrams[i]);
      decoder.apply(Bytes(real.datagrams[which]).first(size));
      decoder.for_each([](const StateDecoder::Entity&) {});
      size += which > 1 ? 40 : 0;
    }
  }
}

TEST(Hostile, battle_frames_are_checked_whole) {
  const Recording real = record();
  std::mt19937 random(23);
  std::vector<u64> aligned(1 << 15);
  CellCache cache;
  const InterestPlan plan{InterestSettings{}};
  ClientView view(plan, PlayerSlot{1});
  ClientView spectator(plan, kNoPlayer);
  u32 refused = 0;
  std::vector<std::byte> out(1100);
  for (u32 i = 0; i < 20'000; ++i) {
    std::vector<std::byte> frame = real.frames[random() % real.frames.size()];
    // Mostly the head and the records: what is inside the chunks is not the cache's.
    if (i % 8 != 0) {
      for (u32 n = 0; n < 1 + random() % 3; ++n) {
        const std::size_t reach = random() % 2 == 0 ? 96 : frame.size();
        frame[random() % reach] ^= std::byte(1 << (random() % 8));
      }
      // A flip in the count of streams may ask for much memory: keep the test quick.
      frame[46] = real.frames[0][46];
      frame[47] = real.frames[0][47];
    }
    if (i % 16 == 1) frame.resize(random() % frame.size());
    std::memcpy(aligned.data(), frame.data(), frame.size());
    if (!cache.absorb(std::as_bytes(std::span(aligned)).first(frame.size())).ok()) {
      ++refused;
      continue;
    }
    for (u32 player = 0; player < 3; ++player) {
      EXPECT_LE(view.assemble(cache, out), 1100U);
      EXPECT_LE(spectator.assemble(cache, out, 600), 600U);
    }
    cache.for_each_message([](SessionId, Bytes) {});
    cache.release();
    EXPECT_EQ(view.assemble(cache, out), 0U);
  }
  EXPECT_GT(refused, 1000U);
}

TEST(Hostile, acknowledgements_of_what_was_never_sent_are_refused) {
  MovingWorld world(60, 20, 120, 24);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  ClientView view(plan, PlayerSlot{0});
  std::vector<std::byte> out(1100);
  EXPECT_FALSE(view.acknowledge(0));
  std::mt19937 random(25);
  for (u32 t = 0; t < 50; ++t) {
    world.step();
    server.tick();
    ASSERT_LE(view.assemble(server.cache, out), 1100U);
    for (u32 i = 0; i < 100; ++i) view.acknowledge(static_cast<u32>(random()));
    EXPECT_FALSE(view.acknowledge(0xFFFF'FFFF));
  }
}

TEST(Hostile, a_schema_from_the_wire_is_checked) {
  EXPECT_TRUE(check_schema({}).ok());
  EXPECT_FALSE(check_schema({{.index = 40, .name = "a", .fields = {}}}).ok());
  EXPECT_FALSE(
      check_schema({{.index = 1, .name = "a", .fields = {}}, {.index = 1, .name = "b", .fields = {}}}).ok());
  SentTable wide{.index = 0, .name = "a", .fields = {}};
  wide.fields.push_back({.name = "x", .bits = 33});
  EXPECT_FALSE(check_schema({wide}).ok());
}

}  // namespace
}  // namespace drumline::broadcast::testing
