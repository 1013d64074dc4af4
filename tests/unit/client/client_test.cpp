#include "client/client.hpp"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transport/memory/memory_link.hpp"

namespace drumline::client {
namespace {

using transport::CloseCode;

/// A server that says what the test tells it to, over sessions in memory.
class Stage : public Connector, public ClientListener {
 public:
  explicit Stage(ClientOptions options = {}) : random_(1), to_client_{*this}, to_server_{*this} {
    client_ = std::make_unique<Client>(std::move(options), *this, *this, random_);
  }

  Client& client() { return *client_; }
  transport::Session& server() { return links_.back()->server(); }
  std::size_t attempts() const { return links_.size(); }

  void deliver() {
    // A new attempt may begin meanwhile.
    for (std::size_t i = 0; i < links_.size(); ++i) links_[i]->deliver();
  }
  void send(const wire::ServerMessage& message) {
    std::vector<std::byte> bytes;
    wire::encode_message(message, bytes);
    server().send_reliable(bytes);
    deliver();
  }
  void pass(i64 ns) {
    now_ += ns;
    client_->poll(now_);
    deliver();
  }
  static wire::Welcome welcome(u8 token = 7) {
    wire::Welcome m;
    m.player = PlayerSlot{4};
    m.entity = make_entity_id(0, 1, 4);
    m.tick = 1000;
    m.reconnect_token = {std::byte{token}};
    m.schema = {{.index = 0,
                 .name = "players",
                 .fields = {{.name = "x", .bits = 20, .shift = 10, .role = world::FieldRole::position_x},
                            {.name = "y", .bits = 20, .shift = 10, .role = world::FieldRole::position_y}}}};
    return m;
  }
  void start_and_seat() {
    client_->start(now_);
    deliver();
    send(welcome());
    ASSERT_TRUE(client_->playing());
  }
  /// A state frame without chunks.
  void send_frame(u32 tick, u32 sequence, u8 visit = 0) {
    std::array<std::byte, 12> memory;
    ByteWriter out(memory);
    out.write(u8{1});
    out.write(u8{0});
    out.write(tick);
    out.write(sequence);
    out.write(u16{1});
    wire::set_visit(memory, visit);
    server().send_datagram(out.written());
    deliver();
  }

  Result<transport::Session*> connect(Client&, TimeNs) override {
    if (refuse_connections) return Error{ErrorCode::unavailable, "nobody there"};
    links_.push_back(
        std::make_unique<transport::MemoryLink>(to_client_, to_server_, transport::MemoryLink::Options{}));
    return &links_.back()->client();
  }
  void on_welcome(Client&, const wire::Welcome& m) override { welcomes.push_back(m); }
  void on_frame(Client&) override { ++frames; }
  void on_refused(Client&, const wire::Refused& m) override { refusals.push_back(m); }
  void on_battle_over(Client& client, const wire::BattleOver& m) override {
    overs.push_back(m);
    if (next_battle != BattleId{}) client.join(next_battle, now_);
  }
  const wire::Hello& last_hello() const {
    const wire::Hello* last = nullptr;
    for (const auto& message : heard) {
      if (const auto* hello = std::get_if<wire::Hello>(&message)) last = hello;
    }
    return *last;
  }
  std::size_t hellos() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        heard, [](const auto& message) { return std::holds_alternative<wire::Hello>(message); }));
  }
  /// The server's next battle for it.
  static wire::Welcome next_welcome(u8 visit) {
    wire::Welcome m = welcome();
    m.visit = visit;
    return m;
  }
  void on_drop(Client&, CloseCode code, std::string_view) override { drops.push_back(code); }

  bool refuse_connections = false;
  std::vector<wire::Welcome> welcomes;
  std::vector<wire::Refused> refusals;
  std::vector<wire::BattleOver> overs;
  BattleId next_battle;  ///< to join when one is over
  std::vector<CloseCode> drops;
  int frames = 0;
  std::vector<wire::ClientMessage> heard;  // by the server
  std::vector<world::Command> commands;    // by the server
  std::vector<u8> visits;                  // of those
  TimeNs now_ = kSecondNs;

 private:
  struct ToClient : transport::SessionHandler {
    explicit ToClient(Stage& s) : stage(s) {}
    void on_open(transport::Session& session) override { stage.client_->on_open(session, stage.now_); }
    void on_reliable(transport::Session& session, Bytes b) override {
      stage.client_->on_reliable(session, b, stage.now_);
    }
    void on_datagram(transport::Session& session, Bytes b) override {
      stage.client_->on_datagram(session, b, stage.now_);
    }
    void on_close(transport::Session& session, CloseCode code, std::string_view reason) override {
      stage.client_->on_close(session, code, reason, stage.now_);
    }
    Stage& stage;
  };
  struct ToServer : transport::SessionHandler {
    explicit ToServer(Stage& s) : stage(s) {}
    void on_open(transport::Session&) override {}
    void on_reliable(transport::Session&, Bytes b) override {
      reader.feed(b, [&](Bytes payload) {
        auto message = wire::decode_client_message(payload);
        EXPECT_TRUE(message.ok());
        stage.heard.push_back(std::move(*message));
        return true;
      });
    }
    void on_datagram(transport::Session&, Bytes b) override {
      wire::for_each_frame(b, 512, 8, [&](Bytes payload) {
        wire::CommandAcks acks;
        EXPECT_EQ(wire::decode_command(payload, stage.commands.emplace_back(), acks), wire::DecodeStatus::ok);
        stage.visits.push_back(acks.visit);
      });
    }
    void on_close(transport::Session&, CloseCode, std::string_view) override {}
    Stage& stage;
    wire::FrameReader reader{{}};
  };

  env::SeededRandom random_;
  ToClient to_client_;
  ToServer to_server_;
  std::deque<std::unique_ptr<transport::MemoryLink>> links_;
  std::unique_ptr<Client> client_;
};

world::Command move() {
  world::Command command;
  command.action = world::Action::move;
  return command;
}

TEST(client, greets_with_its_name_and_is_seated_by_the_welcome) {
  Stage stage({.name = "Anna", .game = "arena"});
  stage.client().start(stage.now_);
  EXPECT_EQ(stage.client().state(), ClientState::connecting);
  stage.deliver();
  EXPECT_EQ(stage.client().state(), ClientState::greeting);
  ASSERT_EQ(stage.heard.size(), 1U);
  const auto& hello = std::get<wire::Hello>(stage.heard[0]);
  EXPECT_EQ(hello.name, "Anna");
  EXPECT_EQ(hello.game, "arena");
  EXPECT_TRUE(hello.reconnect_token.empty());
  stage.send(Stage::welcome());
  EXPECT_TRUE(stage.client().playing());
  EXPECT_EQ(stage.client().player(), PlayerSlot{4});
  EXPECT_EQ(stage.welcomes.size(), 1U);
}

TEST(client, who_waits_for_the_welcome_keeps_saying_something) {
  Stage stage;
  stage.client().start(stage.now_);
  stage.deliver();
  // A server that died after the Hello was acknowledged answers none of it; what comes after shows that.
  for (int i = 0; i < 4; ++i) stage.pass(250 * kMillisecondNs);
  ASSERT_EQ(stage.heard.size(), 5U);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_TRUE(std::holds_alternative<wire::Ping>(stage.heard[i]));
  EXPECT_EQ(stage.client().state(), ClientState::greeting);
  stage.pass(9 * kSecondNs);
  EXPECT_EQ(stage.drops, std::vector{CloseCode::idle});
}

TEST(client, commands_are_numbered_addressed_and_repeated_until_shown) {
  Stage stage;
  EXPECT_EQ(stage.client().send(move(), 1, stage.now_), 0U);
  stage.start_and_seat();
  EXPECT_EQ(stage.client().send(move(), 55, stage.now_), 1U);
  stage.deliver();
  ASSERT_EQ(stage.commands.size(), 1U);
  EXPECT_EQ(stage.commands[0].entity, make_entity_id(0, 1, 4));
  EXPECT_EQ(stage.commands[0].timestamp_ms, 55U);
  stage.pass(CommandQueue::repeat_ns(1));
  EXPECT_EQ(stage.commands.size(), 2U);
  stage.send_frame(1001, 1);
  stage.pass(CommandQueue::repeat_ns(1));
  stage.pass(CommandQueue::repeat_ns(1));
  EXPECT_EQ(stage.commands.size(), 2U);
  EXPECT_EQ(stage.frames, 1);
}

TEST(client, frames_due_are_the_ticks_that_passed) {
  Histogram interarrival;
  Stage stage({.interarrival_ns = &interarrival});
  stage.start_and_seat();
  for (const u32 tick : {1001, 1002, 1005, 1004}) {
    stage.now_ += 16 * kMillisecondNs;
    stage.send_frame(tick, 0);
  }
  const ClientStatistics& statistics = stage.client().statistics();
  EXPECT_EQ(statistics.frames, 4U);
  EXPECT_EQ(statistics.frames_due, 5U);
  EXPECT_EQ(statistics.frames_late, 1U);
  EXPECT_EQ(stage.client().tick(), 1005U);
  EXPECT_EQ(interarrival.count(), 3U);
}

TEST(client, a_malformed_frame_is_counted_and_nothing_more) {
  Stage stage;
  stage.start_and_seat();
  stage.server().send_datagram(as_bytes("no frame"));
  stage.deliver();
  EXPECT_EQ(stage.client().statistics().frames_malformed, 1U);
  EXPECT_TRUE(stage.client().playing());
}

TEST(client, comes_back_with_its_token_when_the_connection_goes) {
  Stage stage;
  stage.start_and_seat();
  stage.server().close(CloseCode::server_stopping, "restart");
  stage.deliver();
  EXPECT_EQ(stage.client().state(), ClientState::waiting);
  stage.pass(kSecondNs);
  ASSERT_EQ(stage.attempts(), 2U);
  const auto& hello = std::get<wire::Hello>(stage.heard.back());
  EXPECT_EQ(hello.reconnect_token, std::vector<std::byte>{std::byte{7}});
  wire::Welcome again = Stage::welcome(8);
  again.resumed = true;
  stage.send(again);
  EXPECT_TRUE(stage.client().playing());
  EXPECT_EQ(stage.client().statistics().session_losses, 1U);
  EXPECT_EQ(stage.client().statistics().reconnects, 1U);
  EXPECT_EQ(stage.client().statistics().seats_lost, 0U);
  // Sequences go on, so that the server does not take them for repeats.
  stage.client().send(move(), 1, stage.now_);
  stage.deliver();
  EXPECT_GE(stage.commands.back().sequence, 1U);
}

TEST(client, joins_anew_when_its_token_is_void) {
  Stage stage({.keep_session = false});
  stage.start_and_seat();
  stage.server().close(CloseCode::server_stopping, "restart");
  stage.deliver();
  stage.pass(kSecondNs);
  stage.send(wire::Refused{static_cast<u16>(CloseCode::token_expired), "expired", 0});
  EXPECT_EQ(stage.client().state(), ClientState::waiting);
  stage.pass(5 * kSecondNs);
  EXPECT_TRUE(std::get<wire::Hello>(stage.heard.back()).reconnect_token.empty());
  stage.send(Stage::welcome());
  EXPECT_TRUE(stage.client().playing());
  EXPECT_EQ(stage.client().statistics().seats_lost, 1U);
}

TEST(client, joins_anew_on_the_same_session_when_its_token_is_void) {
  Stage stage;
  stage.start_and_seat();
  stage.server().close(CloseCode::server_stopping, "restart");
  stage.deliver();
  stage.pass(kSecondNs);
  stage.send(wire::Refused{static_cast<u16>(CloseCode::token_expired), "expired", 0});
  EXPECT_EQ(stage.client().state(), ClientState::between);
  stage.pass(kSecondNs);
  EXPECT_EQ(stage.attempts(), 2U);
  EXPECT_TRUE(stage.last_hello().reconnect_token.empty());
  stage.send(Stage::welcome());
  EXPECT_TRUE(stage.client().playing());
  EXPECT_EQ(stage.client().statistics().seats_lost, 1U);
  EXPECT_EQ(stage.client().statistics().reconnects, 1U);
}

TEST(client, goes_on_to_the_next_battle_on_the_same_session) {
  Stage stage({.battle = BattleId{1}});
  stage.start_and_seat();
  stage.client().send(move(), 1, stage.now_);
  stage.send(wire::BattleOver{BattleId{1}, 0, wire::EndCause::finished, "over"});
  ASSERT_EQ(stage.overs.size(), 1U);
  ASSERT_EQ(stage.hellos(), 2U);
  EXPECT_TRUE(stage.last_hello().keeps_session);
  EXPECT_EQ(stage.last_hello().battle, BattleId{}) << "the named one is over";
  EXPECT_TRUE(stage.last_hello().reconnect_token.empty());
  EXPECT_EQ(stage.client().send(move(), 1, stage.now_), 0U);
  stage.send_frame(1100, 1, 0);
  stage.send(Stage::next_welcome(1));
  ASSERT_TRUE(stage.client().playing());
  EXPECT_EQ(stage.attempts(), 1U);

  stage.send_frame(1101, 1, 0);  // late, of the first battle
  EXPECT_EQ(stage.frames, 0);
  EXPECT_EQ(stage.client().statistics().frames_stale, 1U);
  stage.send_frame(3, 0, 1);
  EXPECT_EQ(stage.frames, 1);
  stage.send(wire::BattleOver{BattleId{1}, 0, wire::EndCause::finished, "of the first one"});
  EXPECT_TRUE(stage.client().playing());
  const std::size_t before = stage.commands.size();
  stage.client().send(move(), 1, stage.now_);
  stage.deliver();
  ASSERT_EQ(stage.commands.size(), before + 1) << "nothing of the first battle is repeated";
  EXPECT_EQ(stage.visits.back(), 1);
  const ClientStatistics& statistics = stage.client().statistics();
  EXPECT_EQ(statistics.visits, 1U);
  EXPECT_EQ(statistics.battles_over, 1U);
  EXPECT_EQ(statistics.session_losses + statistics.reconnects + statistics.seats_lost, 0U);
  EXPECT_TRUE(stage.drops.empty());
}

TEST(client, the_listener_chooses_the_next_battle_and_hears_of_an_end_once) {
  Stage stage;
  stage.next_battle = BattleId{8};
  stage.start_and_seat();
  stage.send(wire::BattleOver{BattleId{1}, 0, wire::EndCause::ended, "over"});
  EXPECT_EQ(stage.hellos(), 2U);
  EXPECT_EQ(stage.last_hello().battle, BattleId{8});
  stage.send(wire::BattleOver{BattleId{1}, 0, wire::EndCause::ended, "over"});
  EXPECT_EQ(stage.overs.size(), 1U);
  EXPECT_EQ(stage.hellos(), 2U);
}

TEST(client, leaves_a_battle_for_another_and_waits_for_the_answer_before_it_asks_again) {
  Stage stage;
  stage.start_and_seat();
  stage.client().join(BattleId{5}, stage.now_);
  stage.client().join(BattleId{6}, stage.now_);
  stage.deliver();
  EXPECT_EQ(stage.hellos(), 2U);
  EXPECT_EQ(stage.last_hello().battle, BattleId{5});
  stage.send(wire::BattleOver{BattleId{1}, 0, wire::EndCause::finished, "crossed our Hello"});
  EXPECT_TRUE(stage.overs.empty());
  stage.send(Stage::next_welcome(1));
  EXPECT_EQ(stage.welcomes.size(), 1U) << "it is not wanted any more";
  EXPECT_EQ(stage.hellos(), 3U);
  EXPECT_EQ(stage.last_hello().battle, BattleId{6});
  stage.send(Stage::next_welcome(2));
  EXPECT_EQ(stage.welcomes.size(), 2U);
  EXPECT_TRUE(stage.client().playing());
}

TEST(client, stays_outside_when_told_to_and_comes_back_when_told_to) {
  Stage stage;
  stage.start_and_seat();
  stage.client().leave_battle(stage.now_);
  stage.deliver();
  EXPECT_TRUE(std::holds_alternative<wire::Leave>(stage.heard.back()));
  EXPECT_EQ(stage.client().state(), ClientState::between);
  for (int i = 0; i < 20; ++i) {
    stage.pass(400 * kMillisecondNs);
    stage.send(wire::Pong{});
  }
  EXPECT_EQ(stage.hellos(), 1U);
  EXPECT_TRUE(stage.drops.empty());
  stage.client().join({}, stage.now_);
  stage.deliver();
  EXPECT_EQ(stage.hellos(), 2U);
  stage.send(Stage::next_welcome(1));
  EXPECT_TRUE(stage.client().playing());
}

TEST(client, a_refused_hello_is_said_again_after_a_pause) {
  Stage stage({.give_up_after_ns = 20 * kSecondNs});
  stage.start_and_seat();
  stage.send(wire::BattleOver{BattleId{1}, 0, wire::EndCause::finished, "over"});
  int refused = 0;
  std::size_t answered = 1;
  for (int i = 0; i < 3'000 && !stage.client().closed(); ++i) {
    if (stage.hellos() > answered) {
      answered = stage.hellos();
      ++refused;
      stage.send(wire::Refused{static_cast<u16>(CloseCode::battle_full), "full", 0});
    }
    if (i % 50 == 0 && !stage.client().closed()) stage.send(wire::Pong{});
    stage.pass(10 * kMillisecondNs);
  }
  EXPECT_TRUE(stage.client().lost());
  EXPECT_EQ(stage.attempts(), 1U);
  EXPECT_GT(refused, 8);
  EXPECT_LT(refused, 40);
  EXPECT_EQ(stage.drops, std::vector{CloseCode::battle_full});
}

TEST(client, tries_again_with_growing_pauses_and_gives_up_in_the_end) {
  Stage stage({.give_up_after_ns = 20 * kSecondNs});
  stage.start_and_seat();
  stage.refuse_connections = true;
  stage.server().close(CloseCode::server_stopping, "gone");
  stage.deliver();
  for (int i = 0; i < 3'000 && !stage.client().closed(); ++i) stage.pass(10 * kMillisecondNs);
  EXPECT_TRUE(stage.client().lost());
  EXPECT_EQ(stage.client().last_error(), "nobody there");
  EXPECT_GT(stage.drops.size(), 8U);
  EXPECT_LT(stage.drops.size(), 40U);
}

TEST(client, does_not_come_back_when_replaced_or_unauthenticated) {
  for (const CloseCode code : {CloseCode::replaced, CloseCode::unauthenticated, CloseCode::version}) {
    Stage stage;
    stage.start_and_seat();
    stage.server().close(code, "no");
    stage.deliver();
    EXPECT_TRUE(stage.client().lost());
  }
}

TEST(client, a_goodbye_says_when_to_come_back) {
  Stage stage;
  stage.start_and_seat();
  stage.send(wire::Goodbye{static_cast<u32>(CloseCode::server_stopping), "draining", 4'000});
  stage.server().close(CloseCode::server_stopping, "");
  stage.deliver();
  stage.pass(3 * kSecondNs);
  EXPECT_EQ(stage.attempts(), 1U);
  stage.pass(2 * kSecondNs);
  EXPECT_EQ(stage.attempts(), 2U);
}

TEST(client, silence_is_a_lost_connection) {
  Stage stage({.ping_interval_ns = kSecondNs, .silence_ns = 5 * kSecondNs});
  stage.start_and_seat();
  for (int i = 0; i < 60 && stage.drops.empty(); ++i) stage.pass(100 * kMillisecondNs);
  ASSERT_EQ(stage.drops.size(), 1U);
  EXPECT_EQ(stage.drops[0], CloseCode::idle);
  EXPECT_TRUE(std::any_of(stage.heard.begin(), stage.heard.end(),
                          [](const auto& m) { return std::holds_alternative<wire::Ping>(m); }));
}

TEST(client, pings_rarely_once_it_knows_the_round_trip_and_hears_the_server) {
  Stage stage({.ping_interval_ns = kSecondNs, .silence_ns = 30 * kSecondNs});
  stage.start_and_seat();
  const auto pings = [&] {
    return std::ranges::count_if(stage.heard,
                                 [](const auto& m) { return std::holds_alternative<wire::Ping>(m); });
  };
  u32 tick = 1000;
  const auto hear_for = [&](i64 ns) {
    for (const TimeNs until = stage.now_ + ns; stage.now_ < until;) {
      stage.pass(100 * kMillisecondNs);
      stage.send_frame(++tick, 0);
    }
  };
  hear_for(4 * kSecondNs);
  EXPECT_GE(pings(), 3) << "without an answer it keeps asking";
  stage.send(wire::Pong{static_cast<u64>(stage.now_ - 20 * kMillisecondNs), tick});
  auto before = pings();
  hear_for(16 * kSecondNs);
  EXPECT_LE(pings() - before, 4);
  before = pings();
  for (int i = 0; i < 30; ++i) stage.pass(100 * kMillisecondNs);
  EXPECT_GE(pings() - before, 2) << "a silent server is asked at every interval";
}

TEST(client, a_refused_command_is_told_and_not_repeated) {
  Stage stage;
  stage.start_and_seat();
  stage.client().send(move(), 1, stage.now_);
  stage.deliver();
  stage.send(wire::Refused{8, "cooldown", 1});
  ASSERT_EQ(stage.refusals.size(), 1U);
  stage.pass(CommandQueue::repeat_ns(1));
  EXPECT_EQ(stage.commands.size(), 1U);
  EXPECT_EQ(stage.client().statistics().commands_refused, 1U);
}

TEST(client, a_server_that_talks_nonsense_is_left) {
  Stage stage;
  stage.start_and_seat();
  stage.server().send_reliable(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  stage.deliver();
  EXPECT_TRUE(stage.client().lost());
  EXPECT_EQ(stage.drops.at(0), CloseCode::bad_frame);
}

TEST(client, that_shares_what_it_decodes_sees_what_it_was_sent_itself) {
  broadcast::BodyStores bodies;
  Stage first({.bodies = &bodies}), second({.bodies = &bodies});
  first.start_and_seat();
  second.start_and_seat();
  // Stream 1: key frame 1, made in tick 1001, of one entity with x = 5 and y = 1.
  std::vector<std::byte> datagram(12);
  datagram[0] = std::byte{1};
  datagram[2] = std::byte{0xE9};
  datagram[3] = std::byte{0x03};
  for (const int byte : {1, 1, 1, 0, 9, 0, 1, 4, 1, 5, 0, 0x10, 0, 0}) datagram.push_back(std::byte(byte));
  const auto show = [&](Stage& stage) {
    stage.server().send_datagram(datagram);
    stage.deliver();
  };
  const auto sees = [](Stage& stage) {
    broadcast::StateDecoder::Entity self;
    return stage.client().world().find(stage.client().entity(), self) && self.value(0) == 5 &&
           self.value(1) == 1;
  };
  show(first);
  EXPECT_TRUE(sees(first));
  EXPECT_FALSE(sees(second));
  show(second);
  EXPECT_TRUE(sees(second));
  EXPECT_TRUE(second.client().world().has_new_acks());
  EXPECT_EQ(bodies.counters().decoded, 1U);
  EXPECT_EQ(bodies.counters().equal, 1U);
  EXPECT_EQ(bodies.counters().different, 0U);
  Stage third({.bodies = &bodies});
  third.start_and_seat();
  datagram[21] = std::byte{6};  // x
  show(third);
  EXPECT_FALSE(sees(third));
  EXPECT_EQ(bodies.counters().different, 1U);
  EXPECT_TRUE(sees(first));
  second.send(Stage::next_welcome(0));
  EXPECT_FALSE(sees(second)) << "a new session begins with nothing";
}

TEST(client, leaving_says_so_and_is_no_loss) {
  Stage stage;
  stage.start_and_seat();
  stage.client().leave(stage.now_);
  stage.deliver();
  EXPECT_TRUE(std::holds_alternative<wire::Leave>(stage.heard.back()));
  EXPECT_TRUE(stage.client().closed());
  EXPECT_FALSE(stage.client().lost());
  EXPECT_EQ(stage.client().statistics().session_losses, 0U);
}

}  // namespace
}  // namespace drumline::client
