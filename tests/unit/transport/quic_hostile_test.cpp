// Packets from nobody: floods, forgeries, noise.
#include <algorithm>

#include "quic_world.hpp"

namespace drumline::transport::testing {
namespace {

/// Keeps what an endpoint would send.
class Captured final : public env::PacketBatch {
 public:
  MutableBytes space() override { return room_; }
  void commit(const env::Address& to, std::size_t size, u8, u64) override {
    packets.push_back({to, {room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(size)}});
  }
  void flush() override {}
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& [to, packet] : packets) sum += packet.size();
    return sum;
  }
  std::vector<std::pair<env::Address, std::vector<std::byte>>> packets;

 private:
  std::array<std::byte, env::kMaxPacketBytes> room_{};
};

env::Address address(u32 host, u16 port) {
  env::Address made = *env::parse_address("10.0.0.0:1");
  made.ip[13] = static_cast<u8>(host >> 16);
  made.ip[14] = static_cast<u8>(host >> 8);
  made.ip[15] = static_cast<u8>(host);
  made.port = port;
  return made;
}

/// First packets of honest clients, one each.
std::vector<std::vector<std::byte>> initials(QuicWorld& world, std::size_t count) {
  Captured out;
  Recorder ignored;
  QuicClients clients({}, world.random, ignored, out);
  const auto shared = credentials(client_files());
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(clients.connect(world.server_socket->local(), address(1, 1), {"localhost", shared, 0},
                                world.clock.now()));
    clients.flush(world.clock.now());
  }
  std::vector<std::vector<std::byte>> made;
  for (auto& [to, packet] : out.packets) made.push_back(std::move(packet));
  return made;
}

TEST(quic_hostile, spoofed_initials_meet_retry_and_honest_clients_still_get_in) {
  QuicServerOptions options;
  options.retry_threshold = 16;
  options.max_half_open = 64;
  QuicWorld world(options);
  const auto spoofed = initials(world, 300);
  ASSERT_EQ(spoofed.size(), 300U);
  for (u32 i = 0; i < spoofed.size(); ++i) {
    const env::ReceivedPacket packet{address(i, 4'000), spoofed[i], 0};
    world.server->receive({&packet, 1}, world.server_socket->local(), world.clock.now());
    world.server->flush(world.clock.now());
  }
  EXPECT_EQ(world.server->half_open(), 16U);
  EXPECT_EQ(world.server->counters().retries_sent, 284U);
  Session& honest = world.connect();
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(honest).opened; }, kSecondNs))
      << world.at_clients.last_reason;
  EXPECT_EQ(world.server->counters().retries_sent, 285U);
  world.run_for(15 * kSecondNs);
  EXPECT_EQ(world.server->half_open(), 0U);
  EXPECT_EQ(world.server->counters().failed(HandshakeFailure::timeout), 16U);
}

TEST(quic_hostile, handshakes_wait_for_their_turn_in_bounds_and_count_as_under_way_meanwhile) {
  QuicServerOptions options;
  options.max_waiting_packets = 8;
  options.retry_threshold = 4;
  QuicWorld world(options);
  const auto spoofed = initials(world, 20);
  for (u32 i = 0; i < spoofed.size(); ++i) {
    const env::ReceivedPacket packet{address(i, 4'000), spoofed[i], 0};
    world.server->receive({&packet, 1}, world.server_socket->local(), world.clock.now());
  }
  // Four wait; the others have to prove where they are first.
  EXPECT_EQ(world.server->waiting(), 4U);
  EXPECT_EQ(world.server->connections(), 0U);
  EXPECT_EQ(world.server->counters().retries_sent, 16U);
  EXPECT_TRUE(world.server->handshake_one(world.clock.now()));
  EXPECT_EQ(world.server->half_open(), 1U);
  while (world.server->handshake_one(world.clock.now())) {
  }
  EXPECT_EQ(world.server->half_open(), 4U);
  EXPECT_FALSE(world.server->handshake_one(world.clock.now()));

  // Of one connection that is half open there may come any number of packets.
  for (u32 i = 0; i < 20; ++i) {
    const env::ReceivedPacket packet{address(0, 4'000), spoofed[0], 0};
    world.server->receive({&packet, 1}, world.server_socket->local(), world.clock.now());
  }
  EXPECT_EQ(world.server->waiting(), 8U);
  EXPECT_EQ(world.server->counters().dropped(PacketDrop::waiting_limit), 12U);
  while (world.server->handshake_one(world.clock.now())) {
  }

  // An honest client gets in, and what it says before its turn is not lost.
  world.at_clients.when_open = [](Session& session) { session.send_reliable(bytes_of("early")); };
  world.connect();
  const auto said = [&] {
    while (world.server->handshake_one(world.clock.now())) {
    }
    world.server->flush(world.clock.now());
    return !world.at_server.open().empty() &&
           world.at_server.seen(*world.at_server.open().front()).reliable == "early";
  };
  EXPECT_TRUE(world.run_until(said, kSecondNs)) << world.at_clients.last_reason;
}

TEST(quic_hostile, a_retry_token_does_not_serve_another_address) {
  QuicServerOptions options;
  options.retry_threshold = 0;
  QuicWorld world(options);
  // The client is told to retry, and its second packet is sent from elsewhere.
  Captured server_out, client_out;
  Recorder ignored;
  auto server = QuicServer::create(world.server_options, world.random, ignored, server_out);
  ASSERT_TRUE(server.ok());
  QuicClients clients({}, world.random, ignored, client_out);
  const env::Address here = address(1, 1), elsewhere = address(2, 1), at = world.server_socket->local();
  ASSERT_TRUE(clients.connect(at, here, {"localhost", credentials(client_files()), 0}, world.clock.now()));
  clients.flush(world.clock.now());
  const env::ReceivedPacket first{here, client_out.packets.back().second, 0};
  (*server)->receive({&first, 1}, at, world.clock.now());
  ASSERT_EQ((*server)->counters().retries_sent, 1U);
  EXPECT_LT(server_out.bytes(), 300U);
  const env::ReceivedPacket retry{at, server_out.packets.back().second, 0};
  clients.receive({&retry, 1}, here, world.clock.now());
  clients.flush(world.clock.now());
  const env::ReceivedPacket stolen{elsewhere, client_out.packets.back().second, 0};
  (*server)->receive({&stolen, 1}, at, world.clock.now());
  EXPECT_EQ((*server)->connections(), 0U);
  EXPECT_EQ((*server)->counters().dropped(PacketDrop::bad_token), 1U);
  const env::ReceivedPacket honest{here, client_out.packets.back().second, 0};
  (*server)->receive({&honest, 1}, at, world.clock.now());
  EXPECT_EQ((*server)->connections(), 1U);
}

TEST(quic_hostile, an_unproven_address_is_sent_at_most_three_times_what_it_sent) {
  QuicWorld world;
  Captured out;
  Recorder ignored;
  auto server = QuicServer::create(world.server_options, world.random, ignored, out);
  ASSERT_TRUE(server.ok());
  const auto packets = initials(world, 8);
  std::size_t sent = 0;
  for (u32 i = 0; i < packets.size(); ++i) {
    const env::ReceivedPacket packet{address(i, 9), packets[i], 0};
    (*server)->receive({&packet, 1}, world.server_socket->local(), world.clock.now());
    sent += packets[i].size();
  }
  // All the repeats of 20 seconds included.
  for (TimeNs now = world.clock.now(); now < world.clock.now() + 20 * kSecondNs; now += 50 * kMillisecondNs) {
    (*server)->on_timer(now);
    (*server)->flush(now);
  }
  EXPECT_GT(out.bytes(), 0U);
  EXPECT_LE(out.bytes(), 3 * sent);
  EXPECT_EQ((*server)->connections(), 0U);
}

TEST(quic_hostile, an_unknown_version_is_told_what_is_served) {
  QuicWorld world;
  auto packet = initials(world, 1).front();
  for (std::size_t i = 1; i <= 4; ++i) packet[i] = std::byte{0x1a};
  Captured out;
  Recorder ignored;
  auto server = QuicServer::create(world.server_options, world.random, ignored, out);
  const env::ReceivedPacket received{address(1, 1), packet, 0};
  (*server)->receive({&received, 1}, world.server_socket->local(), world.clock.now());
  EXPECT_EQ((*server)->counters().version_negotiations_sent, 1U);
  ASSERT_EQ(out.packets.size(), 1U);
  EXPECT_EQ((*server)->connections(), 0U);
}

TEST(quic_hostile, resets_are_shorter_than_their_cause_and_limited) {
  QuicServerOptions options;
  options.stateless_replies_per_second = 10;
  QuicWorld world(options);
  Captured out;
  Recorder ignored;
  auto server = QuicServer::create(world.server_options, world.random, ignored, out);
  for (std::size_t size = 9; size < 60; ++size) {
    std::vector<std::byte> noise(size, std::byte{0x40});
    noise[1] = std::byte{0};  // the shard
    const env::ReceivedPacket packet{address(1, 1), noise, 0};
    const std::size_t before = out.packets.size();
    (*server)->receive({&packet, 1}, world.server_socket->local(), world.clock.now());
    if (out.packets.size() > before) {
      EXPECT_LT(out.packets.back().second.size(), size);
    }
  }
  EXPECT_EQ((*server)->counters().resets_sent, 10U);
  EXPECT_GT((*server)->counters().dropped(PacketDrop::reply_limit), 0U);
}

TEST(quic_hostile, noise_and_mutated_packets_harm_nobody) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  // Real packets of a real session, and first packets of new ones, as a base.
  auto base = initials(world, 4);
  {
    Captured out;
    Recorder ignored;
    auto other = QuicServer::create(world.server_options, world.random, ignored, out);
    for (const auto& packet : std::vector(base)) {
      const env::ReceivedPacket received{address(1, 1), packet, 0};
      (*other)->receive({&received, 1}, world.server_socket->local(), world.clock.now());
      (*other)->flush(world.clock.now());
    }
    for (auto& [to, packet] : out.packets) base.push_back(packet);
  }
  env::SeededRandom random(7);
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::byte> packet = base[random.next_u64() % base.size()];
    const u64 kind = random.next_u64() % 4;
    if (kind == 0) {
      packet.resize(random.next_u64() % 1'300);
      random.fill(packet);
    } else {
      for (u64 flips = 1 + random.next_u64() % 8; flips > 0; --flips) {
        packet[random.next_u64() % (kind == 1 ? std::min<std::size_t>(packet.size(), 64) : packet.size())] =
            static_cast<std::byte>(random.next_u64());
      }
      if (kind == 3) packet.resize(random.next_u64() % packet.size());
    }
    const env::ReceivedPacket received{address(static_cast<u32>(i % 5'000), 5), packet, 0};
    world.server->receive({&received, 1}, world.server_socket->local(), world.clock.now());
    world.clients->receive({&received, 1}, world.client_socket->local(), world.clock.now());
    if (i % 64 == 0) world.run_for(kMillisecondNs);
  }
  EXPECT_LE(world.server->connections(), world.server_options.max_half_open + 1);
  client.send_reliable(bytes_of("unharmed"));
  world.run_for(kSecondNs);
  EXPECT_EQ(world.at_server.seen(server).reliable, "unharmed");
  world.run_for(15 * kSecondNs);
  EXPECT_EQ(world.server->half_open(), 0U);
}

}  // namespace
}  // namespace drumline::transport::testing
