#include "wire/command.hpp"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "plain_random.hpp"
#include "wire/frame.hpp"
#include "wire/generated/combat_command_generated.h"

namespace drumline::wire {
namespace {

using Buffer = std::vector<std::byte>;

world::Command a_command() {
  world::Command command;
  command.sequence = 0xFEDC'BA98U;
  command.action = world::Action::skill;
  command.skill = 2;
  command.entity = make_entity_id(3, 0xABCDEF, 0x1234'5678U);
  command.target = make_entity_id(1, 7, 9);
  command.x = std::numeric_limits<i32>::min();
  command.y = 32'767;
  command.timestamp_ms = 1'790'000'000'123U;
  return command;
}

void expect_equal(const world::Command& a, const world::Command& b) {
  EXPECT_EQ(a.sequence, b.sequence);
  EXPECT_EQ(a.action, b.action);
  EXPECT_EQ(a.skill, b.skill);
  EXPECT_EQ(a.reserved, b.reserved);
  EXPECT_EQ(a.entity, b.entity);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.x, b.x);
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.timestamp_ms, b.timestamp_ms);
}

Buffer encoded(const world::Command& command, std::span<const u32> acks) {
  Buffer out(kMaxCommandFrameBytes);
  out.resize(encode_command(command, acks, out));
  return out;
}

Bytes payload_of(const Buffer& frame) {
  const ParsedFrame parsed = parse_frame(frame, kMaxCommandPayloadBytes);
  EXPECT_EQ(parsed.status, FrameStatus::ok);
  return parsed.payload;
}

Bytes bytes_of(const flatbuffers::FlatBufferBuilder& b) {
  return {reinterpret_cast<const std::byte*>(b.GetBufferPointer()), b.GetSize()};
}

TEST(command, comes_back_as_it_went_with_every_number_of_acks) {
  std::vector<u32> all;
  for (u32 i = 0; i < kMaxKeyAcks; ++i) all.push_back(i * 0x0101'0101U);
  for (std::size_t n = 0; n <= kMaxKeyAcks; ++n) {
    const std::span<const u32> acks(all.data(), n);
    const Buffer frame = encoded(a_command(), acks);
    ASSERT_FALSE(frame.empty());
    world::Command got;
    got.reserved = 99;
    CommandAcks got_acks;
    ASSERT_EQ(decode_command(payload_of(frame), got, got_acks), DecodeStatus::ok);
    expect_equal(got, a_command());
    EXPECT_TRUE(std::equal(acks.begin(), acks.end(), got_acks.view().begin(), got_acks.view().end()));
  }
}

TEST(command, is_a_valid_flatbuffer_to_the_generated_code) {
  const std::vector<u32> acks = {5, 6, 7};
  const Buffer frame = encoded(a_command(), acks);
  const Bytes payload = payload_of(frame);
  const Buffer copy(payload.begin(), payload.end());  // aligned by the allocator
  flatbuffers::Verifier verifier(reinterpret_cast<const u8*>(copy.data()), copy.size());
  ASSERT_TRUE(verifier.VerifyBuffer<fb::CombatCommand>(nullptr));
  const auto* const in = flatbuffers::GetRoot<fb::CombatCommand>(copy.data());
  EXPECT_EQ(in->cmd_id(), a_command().sequence);
  EXPECT_EQ(in->y(), 32'767);
  ASSERT_NE(in->key_acks(), nullptr);
  EXPECT_EQ(in->key_acks()->size(), 3U);
  EXPECT_EQ(in->key_acks()->Get(2), 7U);
}

TEST(command, a_sender_that_knows_only_the_articles_five_fields_is_understood) {
  flatbuffers::FlatBufferBuilder b;
  fb::CombatCommandBuilder builder(b);
  builder.add_cmd_id(11);
  builder.add_entity_id(22);
  builder.add_target_id(33);
  builder.add_action(1);
  builder.add_timestamp_ms(44);
  b.Finish(builder.Finish());
  world::Command got = a_command();
  CommandAcks acks;
  acks.count = 9;
  ASSERT_EQ(decode_command(bytes_of(b), got, acks), DecodeStatus::ok);
  world::Command expected;
  expected.sequence = 11;
  expected.entity.value = 22;
  expected.target.value = 33;
  expected.action = world::Action::move;
  expected.timestamp_ms = 44;
  expect_equal(got, expected);
  EXPECT_EQ(acks.count, 0U);
}

TEST(command, is_read_at_any_alignment) {
  const Buffer frame = encoded(a_command(), {});
  const Bytes payload = payload_of(frame);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Buffer memory(shift + payload.size());
    std::copy(payload.begin(), payload.end(), memory.begin() + static_cast<std::ptrdiff_t>(shift));
    world::Command got;
    CommandAcks acks;
    ASSERT_EQ(decode_command(Bytes(memory).subspan(shift), got, acks), DecodeStatus::ok) << shift;
    expect_equal(got, a_command());
  }
}

TEST(command, an_unknown_action_still_tells_its_cmd_id) {
  for (const int action : {5, 100, 127, -1, -128}) {
    world::Command command = a_command();
    command.action = static_cast<world::Action>(action);
    world::Command got;
    CommandAcks acks;
    EXPECT_EQ(decode_command(payload_of(encoded(command, {})), got, acks), DecodeStatus::unknown_action)
        << action;
    EXPECT_EQ(got.sequence, command.sequence);
  }
}

TEST(command, too_many_acks_are_refused_by_both_sides) {
  const std::vector<u32> acks(kMaxKeyAcks + 1, 1);
  Buffer out(1024);
  EXPECT_EQ(encode_command(a_command(), acks, out), 0U);
  flatbuffers::FlatBufferBuilder b;
  const auto list = b.CreateVector(acks);
  fb::CombatCommandBuilder builder(b);
  builder.add_key_acks(list);
  b.Finish(builder.Finish());
  world::Command got;
  CommandAcks got_acks;
  EXPECT_EQ(decode_command(bytes_of(b), got, got_acks), DecodeStatus::too_many_acks);
}

TEST(command, an_encoder_without_room_writes_nothing) {
  const Buffer whole = encoded(a_command(), {});
  Buffer small(whole.size() - 1);
  EXPECT_EQ(encode_command(a_command(), {}, small), 0U);
}

TEST(command, a_payload_above_the_limit_is_not_looked_at) {
  const Buffer big(kMaxCommandPayloadBytes + 1);
  world::Command got;
  CommandAcks acks;
  EXPECT_EQ(decode_command(big, got, acks), DecodeStatus::too_large);
  EXPECT_EQ(decode_command({}, got, acks), DecodeStatus::malformed);
}

TEST(command, every_truncation_is_malformed) {
  const std::vector<u32> some = {1, 2, 3};
  const Buffer frame = encoded(a_command(), some);
  const Bytes payload = payload_of(frame);
  for (std::size_t n = 0; n < payload.size(); ++n) {
    // Its own memory, so that a sanitizer sees a read past the end.
    const Buffer cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(n));
    world::Command got;
    CommandAcks acks;
    EXPECT_EQ(decode_command(cut, got, acks), DecodeStatus::malformed) << n;
  }
}

TEST(command, mutated_bytes_never_read_outside_the_payload) {
  test::PlainRandom random(42);
  const std::vector<u32> some = {1, 2, 3, 4};
  const Buffer frame = encoded(a_command(), some);
  const Bytes payload = payload_of(frame);
  for (int round = 0; round < 20'000; ++round) {
    Buffer mutated(payload.begin(), payload.end());
    for (u32 n = random.below(4) + 1; n > 0; --n) {
      mutated[random.below(static_cast<u32>(mutated.size()))] = static_cast<std::byte>(random.below(256));
    }
    world::Command got;
    CommandAcks acks;
    const DecodeStatus status = decode_command(mutated, got, acks);
    if (status == DecodeStatus::ok) {
      ASSERT_LE(acks.count, kMaxKeyAcks);
    }
  }
}

}  // namespace
}  // namespace drumline::wire
