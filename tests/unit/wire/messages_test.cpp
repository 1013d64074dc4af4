#include "wire/messages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plain_random.hpp"
#include "wire/frame.hpp"
#include "wire/generated/client_message_generated.h"
#include "wire/generated/server_message_generated.h"

namespace drumline::wire {
namespace {

using ::testing::HasSubstr;
using Buffer = std::vector<std::byte>;

template <class Message>
Buffer payload_of(const Message& message) {
  Buffer frame;
  encode_message(message, frame);
  const ParsedFrame parsed = parse_frame(frame, kMaxServerPayloadBytes);
  EXPECT_EQ(parsed.status, FrameStatus::ok);
  EXPECT_EQ(parsed.size, frame.size());
  return {parsed.payload.begin(), parsed.payload.end()};
}

template <class T, class Message>
T round_trip(const T& message) {
  const Buffer payload = payload_of(Message(message));
  if constexpr (std::is_same_v<Message, ClientMessage>) {
    EXPECT_TRUE(is_client_message(payload));
    return std::get<T>(decode_client_message(payload).value());
  } else {
    return std::get<T>(decode_server_message(payload).value());
  }
}

Bytes bytes_of(const flatbuffers::FlatBufferBuilder& b) {
  return {reinterpret_cast<const std::byte*>(b.GetBufferPointer()), b.GetSize()};
}

struct Dot {
  world::Fixed x, y;
  i16 health = 0;
  u32 secret = 0;
  static constexpr auto kFields = world::fields(
      world::field("x", &Dot::x, {.bits = 20, .shift = 10, .role = world::FieldRole::position_x}),
      world::field("y", &Dot::y, {.bits = 20, .shift = 10, .role = world::FieldRole::position_y}),
      world::field("health", &Dot::health, {.bits = 8}), world::field("secret", &Dot::secret));
};
struct Hidden {
  u64 value = 0;
  static constexpr auto kFields = world::fields(world::field("value", &Hidden::value, {.bits = 8}));
};

Welcome a_welcome() {
  world::World world(1);
  world.add_table<Hidden>("hidden", 4);
  world.add_table<Dot>("dots", 4);
  Welcome m;
  m.session = make_session_id(1, 2, 3);
  m.battle.value = 77;
  m.player.value = 5;
  m.entity = make_entity_id(1, 2, 3);
  m.tick = 1'000'000;
  m.resumed = true;
  m.game = "arena";
  m.build_id = "abc";
  m.map_width = i64{2048} << 16;
  m.map_height = i64{1024} << 16;
  m.map_description = Buffer(60'000, std::byte{7});
  m.schema = wire_schema_of(world);
  m.event_names = {"hit", "death"};
  m.reconnect_token = Buffer(100, std::byte{9});
  return m;
}

TEST(messages, a_hello_comes_back_as_it_went) {
  Hello m;
  m.game = "arena";
  m.battle.value = 0xFFFF'FFFF'FFFF'FFFFU;
  m.name = "Zo\xC3\xAB \xF0\x9F\x90\x89";
  m.seat = SeatKind::spectator;
  m.reconnect_token = Buffer(kMaxTokenBytes, std::byte{3});
  m.follow = PlayerSlot{9'999};
  const Hello got = round_trip<Hello, ClientMessage>(m);
  EXPECT_EQ(got.protocol, kProtocolVersion);
  EXPECT_EQ(got.game, m.game);
  EXPECT_EQ(got.battle, m.battle);
  EXPECT_EQ(got.name, m.name);
  EXPECT_EQ(got.seat, m.seat);
  EXPECT_EQ(got.reconnect_token, m.reconnect_token);
  EXPECT_EQ(got.follow, m.follow);
  EXPECT_EQ((round_trip<Hello, ClientMessage>({}).follow), kNoPlayer) << "nobody, unless it is said";
}

TEST(messages, leave_and_ping_come_back) {
  round_trip<Leave, ClientMessage>({});
  EXPECT_EQ((round_trip<Ping, ClientMessage>({.nonce = 123}).nonce), 123U);
}

TEST(messages, a_welcome_comes_back_with_its_schema) {
  const Welcome m = a_welcome();
  const Welcome got = round_trip<Welcome, ServerMessage>(m);
  EXPECT_EQ(got.session, m.session);
  EXPECT_EQ(got.battle, m.battle);
  EXPECT_EQ(got.player, m.player);
  EXPECT_EQ(got.entity, m.entity);
  EXPECT_EQ(got.tick, m.tick);
  EXPECT_EQ(got.tick_ns, static_cast<u64>(kTickNs));
  EXPECT_TRUE(got.resumed);
  EXPECT_EQ(got.map_width, m.map_width);
  EXPECT_EQ(got.map_height, m.map_height);
  EXPECT_EQ(got.map_description, m.map_description);
  EXPECT_EQ(got.schema, m.schema);
  EXPECT_EQ(got.event_names, m.event_names);
  EXPECT_EQ(got.reconnect_token, m.reconnect_token);
}

TEST(messages, the_schema_holds_only_what_is_sent) {
  const std::vector<TableSchema> schema = a_welcome().schema;
  ASSERT_EQ(schema.size(), 1U);
  EXPECT_EQ(schema[0].index, 1);
  EXPECT_EQ(schema[0].name, "dots");
  ASSERT_EQ(schema[0].fields.size(), 3U);
  EXPECT_EQ(schema[0].fields[1].name, "y");
  EXPECT_TRUE(schema[0].fields[1].is_fixed);
  EXPECT_EQ(schema[0].fields[1].role, world::FieldRole::position_y);
  EXPECT_EQ(schema[0].fields[2].bits, 8);
  EXPECT_TRUE(schema[0].fields[2].is_signed);
}

TEST(messages, the_rest_of_the_server_messages_come_back) {
  const auto refused = round_trip<Refused, ServerMessage>({.code = 8, .reason = "cooldown", .cmd_id = 12});
  EXPECT_EQ(refused.code, 8);
  EXPECT_EQ(refused.reason, "cooldown");
  EXPECT_EQ(refused.cmd_id, 12U);

  Roster roster{.complete = true, .entries = {}};
  for (u32 i = 0; i < kMaxRosterEntries; ++i) {
    roster.entries.push_back({PlayerSlot{i}, make_entity_id(1, 1, i), "player " + std::to_string(i)});
  }
  const auto got_roster = round_trip<Roster, ServerMessage>(roster);
  EXPECT_TRUE(got_roster.complete);
  ASSERT_EQ(got_roster.entries.size(), kMaxRosterEntries);
  EXPECT_EQ(got_roster.entries[1000].name, "player 1000");
  EXPECT_EQ(got_roster.entries[1000].entity, make_entity_id(1, 1, 1000));

  const auto board = round_trip<Scoreboard, ServerMessage>({.tick = 9, .entries = {{PlayerSlot{3}, -4}}});
  EXPECT_EQ(board.tick, 9U);
  ASSERT_EQ(board.entries.size(), 1U);
  EXPECT_EQ(board.entries[0].score, -4);

  EXPECT_EQ((round_trip<Pong, ServerMessage>({.nonce = 1, .tick = 2}).tick), 2U);
  const auto goodbye = round_trip<Goodbye, ServerMessage>({.code = 1, .reason = "", .retry_after_ms = 500});
  EXPECT_EQ(goodbye.retry_after_ms, 500U);
}

TEST(messages, a_wrong_field_is_named) {
  const auto hello_error = [](auto change) {
    flatbuffers::FlatBufferBuilder b;
    std::string game = "arena";
    std::string name = "anna";
    auto seat = fb::SeatKind::player;
    std::vector<u8> token;
    change(game, name, seat, token);
    const auto hello =
        fb::CreateHello(b, 1, b.CreateString(game), 0, b.CreateString(name), seat, b.CreateVector(token));
    fb::FinishClientMessageBuffer(b, fb::CreateClientMessage(b, fb::ClientBody::Hello, hello.Union()));
    const auto decoded = decode_client_message(bytes_of(b));
    EXPECT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().code, ErrorCode::malformed);
    return decoded.error().message;
  };
  using Token = std::vector<u8>;
  EXPECT_THAT(hello_error([](auto& game, auto&, auto&, Token&) { game = std::string(65, 'g'); }),
              HasSubstr("Hello.game"));
  EXPECT_THAT(hello_error([](auto&, auto& name, auto&, Token&) { name = std::string(24, 'n'); }),
              HasSubstr("Hello.name: 24 bytes"));
  EXPECT_THAT(hello_error([](auto&, auto& name, auto&, Token&) { name = "\xC0\xAF"; }),
              HasSubstr("Hello.name"));
  EXPECT_THAT(hello_error([](auto&, auto& name, auto&, Token&) { name = "a\x1B[2J"; }),
              HasSubstr("Hello.name"));
  EXPECT_THAT(hello_error([](auto&, auto&, auto& seat, Token&) { seat = static_cast<fb::SeatKind>(7); }),
              HasSubstr("Hello.seat"));
  EXPECT_THAT(hello_error([](auto&, auto&, auto&, Token& token) { token.resize(513); }),
              HasSubstr("Hello.reconnect_token"));
}

TEST(messages, a_body_that_is_absent_or_of_unknown_kind_is_malformed) {
  for (const int kind : {0, 1, 9}) {
    flatbuffers::FlatBufferBuilder b;
    fb::FinishClientMessageBuffer(b, fb::CreateClientMessage(b, static_cast<fb::ClientBody>(kind), 0));
    const auto decoded = decode_client_message(bytes_of(b));
    ASSERT_FALSE(decoded.ok());
    EXPECT_THAT(decoded.error().message, HasSubstr("ClientMessage.body"));
  }
  flatbuffers::FlatBufferBuilder b;
  const auto leave = fb::CreateLeave(b);
  fb::FinishServerMessageBuffer(b,
                                fb::CreateServerMessage(b, static_cast<fb::ServerBody>(99), leave.Union()));
  EXPECT_FALSE(decode_server_message(bytes_of(b)).ok());
}

TEST(messages, a_message_of_the_other_direction_is_malformed) {
  EXPECT_FALSE(decode_server_message(payload_of(ClientMessage(Ping{1}))).ok());
  EXPECT_FALSE(decode_client_message(payload_of(ServerMessage(Pong{1, 2}))).ok());
  EXPECT_FALSE(is_client_message(payload_of(ServerMessage(Pong{1, 2}))));
}

TEST(messages, are_read_at_any_alignment) {
  const Buffer payload = payload_of(ServerMessage(a_welcome()));
  for (std::size_t shift = 1; shift < 8; ++shift) {
    Buffer memory(shift);
    memory.insert(memory.end(), payload.begin(), payload.end());
    EXPECT_TRUE(decode_server_message(Bytes(memory).subspan(shift)).ok());
  }
}

TEST(messages, truncated_and_mutated_bytes_never_read_outside) {
  Welcome small = a_welcome();
  small.map_description.resize(8);
  small.reconnect_token.resize(8);
  const Buffer server = payload_of(ServerMessage(small));
  const Buffer client = payload_of(
      ClientMessage(Hello{.game = "arena", .battle = {}, .name = "anna", .reconnect_token = Buffer(9)}));
  for (std::size_t n = 0; n < client.size(); ++n) {
    // The last bytes may be padding that nothing needs; what counts is that no read goes past the end.
    const auto decoded =
        decode_client_message(Buffer(client.begin(), client.begin() + static_cast<std::ptrdiff_t>(n)));
    EXPECT_FALSE(decoded.ok() && n + 8 < client.size()) << n;
  }
  test::PlainRandom random(5);
  for (int round = 0; round < 5'000; ++round) {
    for (const Buffer* const original : {&server, &client}) {
      Buffer mutated = *original;
      for (u32 n = random.below(4) + 1; n > 0; --n) {
        mutated[8 + random.below(static_cast<u32>(mutated.size()) - 8)] =
            static_cast<std::byte>(random.below(256));
      }
      if (original == &server) {
        (void)decode_server_message(mutated);
      } else {
        (void)decode_client_message(mutated);
      }
    }
  }
}

TEST(messages, names_are_cut_at_whole_clean_characters) {
  EXPECT_EQ(clean_name("anna"), "anna");
  EXPECT_EQ(clean_name(std::string(40, 'a')).size(), kMaxNameBytes);
  EXPECT_EQ(clean_name(std::string(22, 'a') + "\xC3\xAB"), std::string(22, 'a'));
  EXPECT_EQ(clean_name("ab\ncd"), "ab");
  EXPECT_FALSE(is_clean_text("\xED\xA0\x80"));      // a surrogate
  EXPECT_FALSE(is_clean_text("\xF4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(is_clean_text("\xC2\x85"));          // a control character
  EXPECT_TRUE(is_clean_text("\xE4\xB8\xAD\xE6\x96\x87"));
}

}  // namespace
}  // namespace drumline::wire
