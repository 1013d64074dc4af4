#include "battle/input.hpp"

#include <array>

#include <gtest/gtest.h>

#include "battle/journal_records.hpp"
#include "world/rng.hpp"

namespace drumline::battle {
namespace {

Input random_input(world::Rng& rng) {
  Input input;
  input.kind = static_cast<InputKind>(rng.below(u64{7}));
  input.player = PlayerSlot{static_cast<u32>(rng.next_u64() >> rng.below(u64{64}))};
  if (input.kind == InputKind::command) {
    world::Command& c = input.command;
    c.sequence = static_cast<u32>(rng.next_u64());
    c.action = static_cast<world::Action>(rng.below(u64{5}));
    c.skill = static_cast<u8>(rng.next_u64());
    if (rng.below(u64{2}) != 0) c.entity = EntityId{rng.next_u64() | 1};
    if (rng.below(u64{2}) != 0) c.target = EntityId{rng.next_u64() | 1};
    if (rng.below(u64{2}) != 0) c.x = static_cast<i32>(rng.next_u64());
    if (rng.below(u64{2}) != 0) c.y = static_cast<i32>(rng.next_u64());
    if (rng.below(u64{2}) != 0) c.timestamp_ms = rng.next_u64();
  }
  if (input.kind == InputKind::join) {
    input.profile.account = rng.next_u64();
    for (u64 i = 0; i < rng.below(u64{25}); ++i)
      input.profile.name[i] = static_cast<char>(1 + rng.below(u64{255}));
  }
  if (input.kind == InputKind::pace) input.pace_percent = static_cast<u32>(100 + rng.below(u64{901}));
  return input;
}

void expect_equal(const Input& a, const Input& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.player, b.player);
  EXPECT_EQ(std::memcmp(&a.command, &b.command, sizeof a.command), 0);
  EXPECT_EQ(a.profile.account, b.profile.account);
  EXPECT_EQ(a.profile.name, b.profile.name);
  EXPECT_EQ(a.pace_percent, b.pace_percent);
}

TEST(battle_input, every_input_comes_back_and_fits_its_bound) {
  world::Rng rng(1);
  std::array<std::byte, 2 * kMaxInputBytes> bytes;
  for (int i = 0; i < 20000; ++i) {
    const Input input = random_input(rng);
    ByteWriter out(bytes);
    encode_input(input, out);
    ASSERT_TRUE(out.ok());
    ASSERT_LE(out.size(), kMaxInputBytes);
    ByteReader in(out.written());
    std::vector<Input> decoded;
    ASSERT_TRUE(decode_inputs(in, 1, decoded).ok());
    ASSERT_TRUE(in.at_end());
    expect_equal(decoded[0], input);
  }
}

TEST(battle_input, a_moving_players_command_is_small) {
  Input input;
  input.player = PlayerSlot{200};
  input.command.sequence = 5000;
  input.command.action = world::Action::move;
  input.command.entity = make_entity_id(0, 1, 200);
  input.command.x = 30000;
  input.command.y = -100;
  input.command.timestamp_ms = 1'700'000'000'000;
  std::array<std::byte, kMaxInputBytes> bytes;
  ByteWriter out(bytes);
  encode_input(input, out);
  EXPECT_EQ(out.size(), 22U);
}

TEST(battle_input, what_does_not_parse_is_refused_by_number) {
  const std::vector<std::vector<u8>> wrong = {
      {},
      {5, 0},                                      // no such kind
      {0x80, 0},                                   // a flag that means nothing
      {1 | 0x08, 0},                               // a join with an entity
      {0, 1, 1, 9, 0},                             // no such action
      {0, 1, 1},                                   // cut off
      {0x08, 1, 1, 1, 0, 0, 0, 0},                 // says it has an entity, and it is 0
      {0x20, 1, 1, 1, 0, 0, 0},                    // an aim of 0, 0
      {0x40, 1, 1, 1, 0, 0},                       // a time of 0
      {1, 1, 7, 25},                               // a name that is too long
      {1, 1, 7, 2, 'a', 0},                        // a name with a zero in it
      {0, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1, 1, 0},  // a player above 32 bits
  };
  for (const auto& bytes : wrong) {
    ByteReader in(std::as_bytes(std::span(bytes)));
    std::vector<Input> decoded;
    const auto result = decode_inputs(in, 1, decoded);
    ASSERT_FALSE(result.ok()) << bytes.size();
    EXPECT_EQ(result.error().code, ErrorCode::malformed);
    EXPECT_NE(result.error().message.find("input 1 of 1"), std::string::npos);
  }
}

TEST(battle_journal_records, a_creation_comes_back) {
  CreatedRecord record;
  record.info.game = "arena";
  record.info.rules_document = "a = 1\n";
  record.info.seed = 5;
  record.info.max_players = 6;
  record.info.max_commands_per_tick = 7;
  record.info.build = "abc";
  record.state_hash = 8;
  const auto bytes = encode_created(record);
  const auto decoded = decode_created(bytes, BattleId{3}, Epoch{4});
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded->info.game, "arena");
  EXPECT_EQ(decoded->info.rules_document, "a = 1\n");
  EXPECT_EQ(decoded->info.seed, 5U);
  EXPECT_EQ(decoded->info.max_players, 6U);
  EXPECT_EQ(decoded->info.max_commands_per_tick, 7U);
  EXPECT_EQ(decoded->info.build, "abc");
  EXPECT_EQ(decoded->state_hash, 8U);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_created(Bytes(bytes).first(size), BattleId{3}, Epoch{4}).ok());
  }
}

TEST(battle_journal_records, a_tick_comes_back_and_a_lying_count_is_refused) {
  world::Rng rng(2);
  std::vector<Input> inputs;
  for (int i = 0; i < 50; ++i) inputs.push_back(random_input(rng));
  std::vector<std::byte> bytes(max_tick_bytes(inputs.size()));
  ByteWriter out(bytes);
  encode_tick(9, 2, inputs, out);
  ASSERT_TRUE(out.ok());
  bytes.resize(out.size());
  TickRecord decoded;
  ASSERT_TRUE(decode_tick(bytes, decoded).ok());
  EXPECT_EQ(decoded.state_hash, 9U);
  EXPECT_EQ(decoded.flags, 2U);
  ASSERT_EQ(decoded.inputs.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) expect_equal(decoded.inputs[i], inputs[i]);
  const u32 many = 0xFFFF'FFFF;
  std::memcpy(bytes.data() + 10, &many, sizeof many);
  EXPECT_FALSE(decode_tick(bytes, decoded).ok());
}

}  // namespace
}  // namespace drumline::battle
