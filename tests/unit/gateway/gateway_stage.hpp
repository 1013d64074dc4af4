// A gateway shard without any transport or battle thread: sessions are fakes, what would
// go to a battle stays in its ring, and what battles say is written by the test.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "battle/notices.hpp"
#include "broadcast/battle_frame.hpp"
#include "env/random.hpp"
#include "gateway/gateway_shard.hpp"

namespace drumline::gateway::testing {

class FakeSession final : public transport::Session {
 public:
  transport::TransportKind kind() const override { return transport::TransportKind::memory; }
  const transport::PeerIdentity& identity() const override { return who; }
  env::Address peer() const override { return {}; }
  std::size_t max_datagram_bytes() const override { return 1200; }
  bool send_datagram(Bytes payload) override {
    datagrams.emplace_back(payload.begin(), payload.end());
    return true;
  }
  bool send_reliable(Bytes bytes) override {
    reader.feed(bytes, [&](Bytes payload) {
      auto message = wire::decode_server_message(payload);
      EXPECT_TRUE(message.ok());
      if (message) said.push_back(std::move(*message));
      return true;
    });
    return true;
  }
  void close(transport::CloseCode code, std::string_view why) override {
    closed = code;
    reason = why;
  }

  /// The first message of that kind, or null.
  template <class Message>
  const Message* heard() const {
    for (const wire::ServerMessage& message : said) {
      if (const auto* found = std::get_if<Message>(&message)) return found;
    }
    return nullptr;
  }
  /// The last one.
  template <class Message>
  const Message* heard_last() const {
    const Message* last = nullptr;
    for (const wire::ServerMessage& message : said) {
      if (const auto* found = std::get_if<Message>(&message)) last = found;
    }
    return last;
  }

  transport::PeerIdentity who{true, "ann", 7, true};
  wire::FrameReader reader{wire::FrameReaderLimits{}};
  std::vector<wire::ServerMessage> said;
  std::vector<std::vector<std::byte>> datagrams;
  std::optional<transport::CloseCode> closed;
  std::string reason;
};

class GatewayStage : public ::testing::Test {
 protected:
  GatewayStage() {
    GatewayLinks links;
    links.directory = &directory_;
    links.inbound = rings_;
    links.overload = &overload_;
    links.want_battle = [this](const std::string& game) {
      ++wanted_;
      return game == "chess" ? Result<void>(Error{ErrorCode::not_found, "no chess here"}) : answer_;
    };
    links.on_desync = [this](DesyncReport report) { desyncs_.push_back(std::move(report)); };
    links.revocations = [this] { return revocations_; };
    GatewayOptions options;
    options.max_sessions = 16;
    options.outside_timeout_ns = 60 * kSecondNs;
    shard_.emplace(options, std::move(links), tickets_, clock_);
  }

  battle::BattleDirectory::Entry add_battle(u64 id, u32 seats) {
    auto descriptor = std::make_shared<battle::BattleDescriptor>();
    descriptor->id = BattleId{id};
    descriptor->game = "go";
    descriptor->simulation_id = "sim-1";
    descriptor->rules_hash = 5;
    descriptor->max_players = seats;
    auto entry = std::make_shared<battle::BattleEntry>();
    entry->descriptor = descriptor;
    directory_.add(entry);
    return entry;
  }
  void hello(FakeSession& session, const wire::Hello& hello) {
    shard_->on_open(session);
    say(session, hello);
  }
  void say(FakeSession& session, const wire::ClientMessage& message) {
    std::vector<std::byte> bytes;
    wire::encode_message(message, bytes);
    shard_->on_reliable(session, bytes);
  }
  /// The battle's next durable frame: it tells `notices` to `session`.
  void frame(BattleId battle, SessionId session, const std::vector<battle::Notice>& notices,
             bool last = false, Bytes tick_payload = {}, u64 state_hash = 0) {
    std::vector<std::byte> memory(sizeof(broadcast::BattleFrameHeader) + 8192);
    ByteWriter out(memory);
    broadcast::BattleFrameHeader head;
    head.battle = battle.value;
    head.tick = ++tick_;
    head.state_hash = state_hash;
    head.columns = head.rows = 1;
    head.flags = broadcast::BattleFrameHeader::kNoState;
    if (last) head.flags |= broadcast::BattleFrameHeader::kEnded;
    out.write_bytes(std::as_bytes(std::span(&head, 1)));
    const std::size_t begin = out.size();
    for (const battle::Notice& notice : notices) {
      std::array<std::byte, battle::kMaxStatePartNoticeBytes> bytes;
      ByteWriter encoded(bytes);
      battle::encode_notice(notice, encoded);
      out.write(session.value);
      out.write(static_cast<u32>(encoded.size()));
      out.write_bytes(encoded.written());
      ++head.message_count;
    }
    head.message_bytes = static_cast<u32>(out.size() - begin);
    const auto pad = [&] {
      while (out.size() % 8 != 0) out.write(u8{0});
    };
    pad();
    head.tick_bytes = static_cast<u32>(tick_payload.size());
    out.write_bytes(tick_payload);
    pad();
    ASSERT_TRUE(out.ok());
    head.size = static_cast<u32>(out.size());
    std::memcpy(memory.data(), &head, sizeof head);
    shard_->deliver(Bytes(memory).first(out.size()));
  }
  /// Of the oldest entry in the ring; taken out.
  std::optional<std::pair<battle::Inbound::Kind, BattleId>> next_inbound() {
    std::optional<std::pair<battle::Inbound::Kind, BattleId>> found;
    ring_.consume(1, [&](const battle::Inbound& inbound) { found.emplace(inbound.kind, inbound.battle); });
    return found;
  }

  env::SimulatedClock clock_{kSecondNs, 1'700'000'000 * kSecondNs};
  env::SeededRandom random_{1};
  auth::TicketSealer tickets_ =
      std::move(auth::TicketSealer::parse("1 " + std::string(64, 'a') + "\n", random_)).value();
  battle::BattleDirectory directory_;
  battle::OverloadState overload_;
  battle::InboundRing ring_{1024};
  std::array<battle::InboundRing*, 1> rings_{&ring_};
  Result<void> answer_{};
  int wanted_ = 0;
  std::vector<DesyncReport> desyncs_;
  Tick tick_ = 0;  ///< of the newest frame
  std::shared_ptr<const transport::Revocations> revocations_;
  std::optional<GatewayShard> shard_;
};

}  // namespace drumline::gateway::testing
