#include "link/messages.hpp"

#include <gtest/gtest.h>

#include "env/random.hpp"

namespace drumline::link {
namespace {

battle::BattleDescriptor descriptor() {
  battle::BattleDescriptor d;
  d.id = BattleId{7};
  d.epoch = Epoch{3};
  d.game = "arena";
  d.build_id = "0123456789abcdef";
  d.simulation_id = "fedcba9876543210";
  d.rules_hash = 42;
  d.sync = {world::SyncModel::lockstep, 3};
  d.max_players = 100;
  d.map_size = {world::Fixed::from_int(20), world::Fixed::from_int(10)};
  d.map_description = {std::byte{1}, std::byte{2}};
  d.schema = {{2, "unit", {{"x", 16, 3, true, true, world::FieldRole::position_x}}}};
  d.event_names = {"hit", "death"};
  d.refusal_names = {"accepted", "too_far"};
  return d;
}

std::vector<FromGroup> all_from_group() {
  return {Resumed{BattleId{7}, "arena", 3, 100, 0xABCD, true, 64, 36, 1.5},
          Note{"a torn tail"},
          Installed{descriptor(), 12, 100},
          Ready{kProtocolVersion, 100'000, BattleId{9}, 2.5},
          Over{BattleId{7}},
          NotMade{BattleId{8}, "no room"},
          Answer{5, 0, "", {std::byte{1}, std::byte{2}}},
          Answer{6, 2, "not here", {}},
          Snapshot{7, 0, "", 100, 0xABCD, {std::byte{1}}, {std::byte{2}, std::byte{3}}},
          Status{1, "no space", {1, 2, 3}, {-4, 5}, {{{10, 2}, {20, 1}}, {}}, {{BattleId{7}, 1, {8, 9}}}},
          Failed{4, "the disk"}};
}

std::vector<ToGroup> all_to_group() {
  return {Start{kProtocolVersion, 1, 2, "build", "data/groups/1", "data/failures", "[battle]\n"},
          Begin{},
          Make{BattleId{7}},
          Dispose{BattleId{7}, "late"},
          Tell{3, BattleId{7}, {std::byte{1}}},
          Ask{5, BattleId{7}, 1000, {std::byte{2}}},
          TakeSnapshot{6, BattleId{7}, 1000},
          Stop{},
          Pace{150}};
}

template <class Sum>
std::vector<std::byte> encoded(const Sum& message) {
  std::vector<std::byte> bytes;
  encode(message, bytes);
  return bytes;
}

TEST(LinkMessages, come_out_as_they_went_in) {
  for (const FromGroup& message : all_from_group()) {
    const auto bytes = encoded(message);
    const auto decoded = decode_from_group(static_cast<u16>(kind_of(message)), bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->index(), message.index());
    EXPECT_EQ(encoded(*decoded), bytes);
  }
  for (const ToGroup& message : all_to_group()) {
    const auto bytes = encoded(message);
    const auto decoded = decode_to_group(static_cast<u16>(kind_of(message)), bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->index(), message.index());
    EXPECT_EQ(encoded(*decoded), bytes);
  }
}

TEST(LinkMessages, a_battles_descriptor_arrives_whole) {
  const auto bytes = encoded(FromGroup(Installed{descriptor(), 12, 100}));
  auto decoded = decode_from_group(static_cast<u16>(Kind::installed), bytes);
  ASSERT_TRUE(decoded.ok());
  const auto& [got, seated, tick] = std::get<Installed>(*decoded);
  const battle::BattleDescriptor sent = descriptor();
  EXPECT_EQ(got.id, sent.id);
  EXPECT_EQ(got.epoch, sent.epoch);
  EXPECT_EQ(got.game, sent.game);
  EXPECT_EQ(got.build_id, sent.build_id);
  EXPECT_EQ(got.simulation_id, sent.simulation_id);
  EXPECT_EQ(got.rules_hash, sent.rules_hash);
  EXPECT_EQ(got.sync, sent.sync);
  EXPECT_EQ(got.max_players, sent.max_players);
  EXPECT_EQ(got.map_size.width.raw, sent.map_size.width.raw);
  EXPECT_EQ(got.map_size.height.raw, sent.map_size.height.raw);
  EXPECT_EQ(got.map_description, sent.map_description);
  EXPECT_EQ(got.schema, sent.schema);
  EXPECT_EQ(got.event_names, sent.event_names);
  EXPECT_EQ(got.refusal_names, sent.refusal_names);
  EXPECT_EQ(seated, 12U);
  EXPECT_EQ(tick, 100U);
}

TEST(LinkMessages, cut_short_or_too_long_they_are_refused) {
  for (const FromGroup& message : all_from_group()) {
    auto bytes = encoded(message);
    const auto kind = static_cast<u16>(kind_of(message));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_from_group(kind, Bytes(bytes).first(size)).ok()) << kind << " of " << size;
    }
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode_from_group(kind, bytes).ok());
  }
  EXPECT_FALSE(decode_from_group(static_cast<u16>(Kind::make), {}).ok()) << "the other direction's";
  EXPECT_FALSE(decode_from_group(9999, {}).ok());
}

TEST(LinkMessages, a_count_without_its_entries_takes_no_memory) {
  std::vector<std::byte> bytes(8);
  ByteWriter out(bytes);
  out.write(u8{0});
  out.write(u32{0});
  out.write(u16{0xFFFF});  // most of a count of counters
  EXPECT_FALSE(decode_from_group(static_cast<u16>(Kind::status), bytes).ok());
}

TEST(LinkMessages, whatever_the_bytes_are_decoding_answers) {
  env::SeededRandom random(5);
  const auto messages = all_from_group();
  u64 taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    const FromGroup& message = messages[random.next_u64() % messages.size()];
    auto bytes = encoded(message);
    const u64 flips = 1 + random.next_u64() % 4;
    for (u64 flip = 0; flip < flips; ++flip) {
      bytes[random.next_u64() % bytes.size()] = static_cast<std::byte>(random.next_u64());
    }
    const auto kind =
        round % 16 == 0 ? static_cast<u16>(random.next_u64() % 128) : static_cast<u16>(kind_of(message));
    const auto decoded = decode_from_group(kind, bytes);
    taken += decoded.ok() ? 1 : 0;
    // What is taken can be used: a gateway says it to clients, which asserts its limits.
    if (decoded) static_cast<void>(encoded(*decoded));
  }
  EXPECT_GT(taken, 0U);
}

TEST(LinkInputs, come_out_as_they_went_in) {
  std::vector<std::byte> bytes;
  battle::Inbound command;
  command.kind = battle::Inbound::Kind::command;
  command.player = PlayerSlot{3};
  command.battle = BattleId{7};
  command.session = SessionId{9};
  command.command.sequence = 11;
  command.command.action = world::Action::skill;
  command.command.skill = 2;
  command.command.entity = EntityId{12};
  command.command.target = EntityId{13};
  command.command.x = -5;
  command.command.y = 6;
  command.command.timestamp_ms = 14;
  command.command.apply_tick = 15;
  command.command.view_tick = 16;
  append_inbound(command, bytes);
  battle::Inbound join;
  join.kind = battle::Inbound::Kind::join;
  join.profile = {};
  join.profile.account = 17;
  join.profile.name[0] = 'a';
  append_inbound(join, bytes);
  battle::Inbound drop;
  drop.kind = battle::Inbound::Kind::drop;
  drop.seat_generation = 18;
  append_inbound(drop, bytes);

  ByteReader in(bytes);
  const auto first = read_inbound(in);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(std::memcmp(&first->command, &command.command, sizeof command.command), 0);
  EXPECT_EQ(first->player, command.player);
  EXPECT_EQ(first->battle, command.battle);
  EXPECT_EQ(first->session, command.session);
  const auto second = read_inbound(in);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->profile.account, 17U);
  EXPECT_EQ(second->profile.name_view(), "a");
  const auto third = read_inbound(in);
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->seat_generation, 18U);
  EXPECT_TRUE(in.at_end());
  EXPECT_FALSE(read_inbound(in).has_value());
  bytes[0] = std::byte{200};
  ByteReader wrong(bytes);
  EXPECT_FALSE(read_inbound(wrong).has_value());
}

}  // namespace
}  // namespace drumline::link
