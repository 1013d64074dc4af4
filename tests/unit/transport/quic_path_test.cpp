// Packets grow to what their path carries, and no further.
#include "quic_world.hpp"

namespace drumline::transport {
namespace {

using testing::bytes_of;
using testing::QuicWorld;

constexpr std::size_t kBulkBytes = 200'000;

/// The server sends so much as the client reads it. How many packets were lost.
u64 send_bulk(QuicWorld& world, Session& client) {
  Session& server = *world.at_server.open().back();
  const std::string piece(10'000, 'x');
  const std::size_t before = world.at_clients.seen(client).reliable.size();
  const u64 lost = world.network.totals().lost;
  for (std::size_t sent = piece.size(); sent <= kBulkBytes; sent += piece.size()) {
    EXPECT_TRUE(server.send_reliable(bytes_of(piece)));
    if (!world.run_until([&] { return world.at_clients.seen(client).reliable.size() == before + sent; })) {
      ADD_FAILURE() << "stuck after " << sent << " bytes";
      break;
    }
  }
  return world.network.totals().lost - lost;
}

Session& connected_over(QuicWorld& world, std::size_t largest_bytes) {
  world.network.set_conditions({.largest_bytes = largest_bytes, .delay_ns = 5 * kMillisecondNs});
  Session& session = world.connected();
  // Each size is tried three times, on the probe timer.
  for (int i = 0; i < 50; ++i) {
    session.send_reliable(bytes_of("."));
    world.run_for(200 * kMillisecondNs);
  }
  return session;
}

TEST(quic_path, that_is_wide_is_used) {
  QuicWorld world;
  Session& session = connected_over(world, 0);
  send_bulk(world, session);
  EXPECT_EQ(world.network.totals().largest, 1452U);
}

TEST(quic_path, that_is_narrow_costs_the_probes_alone) {
  for (const u64 largest : {1200U, 1240U, 1380U}) {
    QuicWorld world;
    Session& session = connected_over(world, largest);
    EXPECT_EQ(send_bulk(world, session), 0U) << "over " << largest;
    EXPECT_LE(world.network.totals().largest, largest);
    EXPECT_GT(world.network.totals().largest + 100, largest);
  }
}

TEST(quic_path, that_becomes_narrow_is_noticed_although_datagrams_pass) {
  for (const bool datagrams : {false, true}) {
    QuicWorld world;
    Session& session = connected_over(world, 0);
    if (datagrams) {
      world.at_clients.when_datagram = [](Session& client, Bytes) { client.send_datagram(bytes_of("ack")); };
      world.at_server.when_datagram = [](Session& server, Bytes) {
        server.send_datagram(bytes_of(std::string(1000, 'x')));
      };
      session.send_datagram(bytes_of("begin"));
    }
    send_bulk(world, session);
    ASSERT_EQ(world.network.totals().largest, 1452U);
    world.network.set_conditions({.largest_bytes = 1250, .delay_ns = 5 * kMillisecondNs});
    send_bulk(world, session);
    EXPECT_EQ(send_bulk(world, session), 0U);
    EXPECT_EQ(world.server->counters().paths_narrowed, 1U);
    EXPECT_FALSE(world.at_clients.seen(session).closed);
  }
}

TEST(quic_path, is_not_probed_where_that_is_switched_off) {
  QuicServerOptions options;
  options.settings.largest_packet_bytes = 0;
  QuicSettings settings;
  settings.largest_packet_bytes = 0;
  QuicWorld world(options, settings);
  Session& session = connected_over(world, 0);
  send_bulk(world, session);
  EXPECT_EQ(world.network.totals().largest, 1200U);
}

}  // namespace
}  // namespace drumline::transport
