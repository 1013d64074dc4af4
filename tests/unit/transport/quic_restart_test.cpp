// A server that dies and comes back at any point of a connection's beginning: its
// client learns of it within a few round trips.
#include "quic_world.hpp"

namespace drumline::transport {
namespace {

using testing::QuicWorld;

TEST(quic_restart, is_noticed_at_every_point_of_a_connection_s_beginning) {
  int carried_over = 0;
  int closed = 0;
  for (i64 life_us = 0; life_us <= 20'000; life_us += 250) {
    QuicSettings settings;
    settings.initial_rtt_ns = 20 * kMillisecondNs;
    settings.handshake_timeout_ns = kSecondNs;
    QuicWorld world({}, settings);
    world.network.set_conditions({.delay_ns = 2 * kMillisecondNs});
    world.at_clients.when_open = [](Session& session) { session.send_reliable(testing::bytes_of("hello")); };
    Session& session = world.connect();
    world.run_for(life_us * kMicrosecondNs);
    // Packets that the dead server had sent still arrive; what it knew is gone.
    world.start_server();
    const std::size_t before = world.at_server.open().size();
    const auto settled = [&] {
      if (world.at_clients.seen(session).closed) return true;
      return world.at_server.open().size() > before &&
             world.at_server.seen(*world.at_server.open().back()).reliable.starts_with("hello");
    };
    bool noticed = world.run_until(settled, 100 * kMillisecondNs);
    for (int i = 0; i < 11 && !noticed; ++i) {
      // What was acknowledged asks for nothing: only what the client says next does.
      if (world.at_clients.seen(session).opened) session.send_reliable(testing::bytes_of("still there?"));
      noticed = world.run_until(settled, 100 * kMillisecondNs);
    }
    EXPECT_TRUE(noticed) << "killed after " << life_us << " us";
    (world.at_clients.seen(session).closed ? closed : carried_over) += 1;
  }
  EXPECT_GT(carried_over, 0);
  EXPECT_GT(closed, 0);
}

}  // namespace
}  // namespace drumline::transport
