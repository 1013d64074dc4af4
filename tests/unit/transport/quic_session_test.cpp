// Sessions over QUIC: handshake, both channels, closing, timers.
#include <numeric>

#include "quic_world.hpp"

namespace drumline::transport::testing {
namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  u32 state = 1;
  for (char& byte : text) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

TEST(quic_session, opens_with_both_identities_proven) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  EXPECT_TRUE(server.identity().authenticated);
  EXPECT_FALSE(server.identity().name.empty());
  EXPECT_EQ(server.identity().account, account_of(server.identity().name));
  EXPECT_TRUE(client.identity().authenticated);
  EXPECT_EQ(server.peer(), world.client_socket->local());
  EXPECT_EQ(client.peer(), world.server_socket->local());
  EXPECT_EQ(server.kind(), TransportKind::quic);
  EXPECT_GE(server.max_datagram_bytes(), 1150U);
  EXPECT_EQ(world.server->counters().handshakes_completed, 1U);
  EXPECT_EQ(world.server->half_open(), 0U);
}

TEST(quic_session, tells_accounts_apart_by_common_name) {
  QuicWorld world;
  world.connected(client_files_of("ada"));
  world.connected(client_files_of("brunel"));
  ASSERT_EQ(world.at_server.open().size(), 2U);
  EXPECT_EQ(world.at_server.open()[0]->identity().name, "ada");
  EXPECT_EQ(world.at_server.open()[1]->identity().name, "brunel");
  EXPECT_NE(world.at_server.open()[0]->identity().account, world.at_server.open()[1]->identity().account);
}

TEST(quic_session, carries_datagrams_and_reliable_bytes_both_ways) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  const std::string large = pattern(server.max_datagram_bytes());
  EXPECT_TRUE(server.send_datagram(bytes_of(large)));
  EXPECT_TRUE(client.send_datagram(bytes_of("up")));
  EXPECT_TRUE(server.send_reliable(bytes_of("hello ")));
  EXPECT_TRUE(server.send_reliable(bytes_of("client")));
  EXPECT_TRUE(client.send_reliable(bytes_of("hello server")));
  world.run_for(100 * kMillisecondNs);
  EXPECT_EQ(world.at_clients.seen(client).datagrams, std::vector{large});
  EXPECT_EQ(world.at_server.seen(server).datagrams, std::vector<std::string>{"up"});
  EXPECT_EQ(world.at_clients.seen(client).reliable, "hello client");
  EXPECT_EQ(world.at_server.seen(server).reliable, "hello server");
}

TEST(quic_session, refuses_a_datagram_that_is_too_large) {
  QuicWorld world;
  Session& client = world.connected();
  EXPECT_FALSE(client.send_datagram(bytes_of(std::string(client.max_datagram_bytes() + 1, 'x'))));
  EXPECT_EQ(world.clients->counters().datagrams_dropped_size, 1U);
}

TEST(quic_session, may_send_and_close_from_within_its_handler) {
  QuicWorld world;
  world.at_server.when_open = [](Session& session) {
    session.send_datagram(bytes_of("welcome datagram"));
    session.send_reliable(bytes_of("welcome"));
  };
  world.at_server.when_datagram = [](Session& session, Bytes bytes) { session.send_datagram(bytes); };
  world.at_server.when_reliable = [](Session& session, Bytes) {
    session.close(CloseCode::bad_frame, "no frame");
  };
  Session& client = world.connected();
  client.send_datagram(bytes_of("echo"));
  world.run_for(50 * kMillisecondNs);
  EXPECT_EQ(world.at_clients.seen(client).datagrams, (std::vector<std::string>{"welcome datagram", "echo"}));
  EXPECT_EQ(world.at_clients.seen(client).reliable, "welcome");
  client.send_reliable(bytes_of("nonsense"));
  world.run_for(kSecondNs / 2);
  EXPECT_TRUE(world.at_clients.seen(client).closed);
  EXPECT_EQ(world.at_clients.last_code, CloseCode::bad_frame);
  EXPECT_EQ(world.at_clients.last_reason, "no frame");
}

TEST(quic_session, moves_a_megabyte_each_way_through_five_percent_loss_and_reordering) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  world.network.set_conditions({.loss = 0.05,
                                .duplication = 0.01,
                                .reordering = 0.05,
                                .delay_ns = 10 * kMillisecondNs,
                                .jitter_ns = 2 * kMillisecondNs});
  const std::string down = pattern(1 << 20);
  const std::string up = pattern((1 << 20) + 7);
  std::size_t down_at = 0, up_at = 0;
  const auto feed = [](Session& session, const std::string& text, std::size_t& at) {
    // Within the cap: the sender reads how far the other end has come.
    const std::size_t size = std::min<std::size_t>(16'000, text.size() - at);
    if (size == 0) return;
    ASSERT_TRUE(session.send_reliable(bytes_of(std::string_view(text).substr(at, size))));
    at += size;
  };
  ASSERT_TRUE(world.run_until(
      [&] {
        const auto& got_down = world.at_clients.seen(client).reliable;
        const auto& got_up = world.at_server.seen(server).reliable;
        if (down_at < got_down.size() + 100'000) feed(server, down, down_at);
        if (up_at < got_up.size() + 100'000) feed(client, up, up_at);
        return got_down.size() == down.size() && got_up.size() == up.size();
      },
      600 * kSecondNs));
  EXPECT_TRUE(world.at_clients.seen(client).reliable == down);
  EXPECT_TRUE(world.at_server.seen(server).reliable == up);
}

TEST(quic_session, a_close_arrives_with_code_and_reason_after_what_was_queued) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  server.send_reliable(bytes_of("last words"));
  server.close(CloseCode::replaced, "you joined elsewhere");
  EXPECT_FALSE(server.send_reliable(bytes_of("more")));
  EXPECT_FALSE(server.send_datagram(bytes_of("more")));
  world.run_for(kSecondNs / 2);
  const auto& seen = world.at_clients.seen(client);
  EXPECT_EQ(seen.reliable, "last words");
  EXPECT_TRUE(seen.closed);
  EXPECT_EQ(seen.code, CloseCode::replaced);
  EXPECT_EQ(seen.reason, "you joined elsewhere");
  EXPECT_EQ(world.at_server.last_code, CloseCode::replaced);
  EXPECT_EQ(world.server->connections(), 0U);
  EXPECT_EQ(world.clients->connections(), 0U);
  EXPECT_EQ(world.server->counters().closed_with(CloseCode::replaced), 1U);
}

TEST(quic_session, a_close_is_repeated_to_a_peer_that_missed_it) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  world.network.cut(world.server_socket->local(), world.client_socket->local());
  server.close(CloseCode::server_stopping, "drain");
  world.run_for(kSecondNs / 10);
  EXPECT_EQ(world.server->connections(), 0U);
  world.network.heal(world.server_socket->local(), world.client_socket->local());
  client.send_datagram(bytes_of("still there?"));
  world.run_for(kSecondNs);
  EXPECT_TRUE(world.at_clients.seen(client).closed);
  EXPECT_EQ(world.at_clients.last_code, CloseCode::server_stopping);
}

TEST(quic_session, close_all_reaches_every_client) {
  QuicWorld world;
  for (int i = 0; i < 5; ++i) world.connected();
  world.server->close_all(CloseCode::server_stopping, "the server is stopping");
  world.run_for(kSecondNs);
  EXPECT_EQ(world.at_clients.closes, 5U);
  EXPECT_EQ(world.at_clients.last_code, CloseCode::server_stopping);
  EXPECT_EQ(world.server->connections(), 0U);
}

TEST(quic_session, a_silent_peer_is_dropped_after_the_idle_timeout) {
  QuicWorld world;
  Session& client = world.connected();
  world.run_for(100 * kMillisecondNs);
  world.network.cut(world.server_socket->local(), world.client_socket->local());
  const TimeNs from = world.clock.now();
  ASSERT_TRUE(world.run_until([&] { return world.at_server.closes == 1; }, 100 * kSecondNs));
  EXPECT_GE(world.clock.now() - from, 29 * kSecondNs);
  // Its own keep-alive may have counted as activity once.
  EXPECT_LE(world.clock.now() - from, 62 * kSecondNs);
  EXPECT_EQ(world.at_server.last_code, CloseCode::idle);
  ASSERT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }, 100 * kSecondNs));
  EXPECT_EQ(world.at_clients.last_code, CloseCode::idle);
}

TEST(quic_session, keep_alive_keeps_a_quiet_session_for_minutes) {
  QuicWorld world;
  Session& client = world.connected();
  world.run_for(600 * kSecondNs);
  EXPECT_FALSE(world.at_clients.seen(client).closed);
  EXPECT_EQ(world.at_server.open().size(), 1U);
  client.send_datagram(bytes_of("awake"));
  world.run_for(kSecondNs);
  EXPECT_EQ(world.at_server.datagrams, 1U);
}

TEST(quic_session, a_slow_reader_hits_the_cap_and_is_closed_too_slow) {
  QuicServerOptions options;
  options.settings.reliable_send_bytes = 64 << 10;
  QuicWorld world(options);
  world.connected();
  Session& other_client = world.connected();
  Session& server = *world.at_server.open().front();
  world.network.set_conditions(world.server_socket->local(), world.client_socket->local(), {.loss = 0.999});
  bool accepted = true;
  for (int i = 0; i < 100 && accepted; ++i) {
    accepted = server.send_reliable(bytes_of(std::string(4'000, 'x')));
    world.run_for(10 * kMillisecondNs);
  }
  EXPECT_FALSE(accepted);
  EXPECT_EQ(world.at_server.last_code, CloseCode::too_slow);
  world.network.set_conditions(world.server_socket->local(), world.client_socket->local(), {});
  Session& other = *world.at_server.open().front();
  EXPECT_TRUE(other.send_reliable(bytes_of("fine")));
  world.run_for(5 * kSecondNs);
  EXPECT_EQ(world.at_clients.seen(other_client).reliable, "fine");
}

TEST(quic_session, every_datagram_of_a_full_rate_goes_on_a_healthy_path) {
  for (const i64 delay : {kMillisecondNs / 2, 20 * kMillisecondNs, 60 * kMillisecondNs}) {
    QuicWorld world;
    world.network.set_conditions({.delay_ns = delay});
    world.at_clients.keep_datagrams = false;
    world.connected();
    Session& server = *world.at_server.open().front();
    const std::string frame = pattern(1'100);
    u64 refused = 0;
    for (int tick = 0; tick < 625; ++tick) {
      world.server->advance(world.clock.now());
      if (!server.send_datagram(bytes_of(frame))) ++refused;
      world.run_for(kTickNs);
    }
    world.run_for(kSecondNs);
    EXPECT_EQ(refused, 0U) << "one way " << delay;
    EXPECT_EQ(world.at_clients.datagrams, 625U) << "one way " << delay;
  }
}

TEST(quic_session, is_told_how_many_datagrams_were_lost) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open()[0];
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) {
      server.send_datagram(bytes_of("state"));
      if (i % 6 == 0) client.send_datagram(bytes_of("command"));
      world.run_for(kTickNs);
    }
    world.run_for(2 * kSecondNs);
  };
  send(500);
  EXPECT_EQ(world.server->counters().datagrams_lost, 0U);
  world.network.set_conditions(world.server_socket->local(), world.client_socket->local(), {.loss = 0.1});
  const u64 arrived = world.at_clients.datagrams;
  const u64 sent = world.server->counters().datagrams_sent;
  send(2000);
  world.network.set_conditions(world.server_socket->local(), world.client_socket->local(), {});
  send(50);
  const u64 lost = world.server->counters().datagrams_sent - sent - (world.at_clients.datagrams - arrived);
  EXPECT_GT(lost, 100U);
  EXPECT_EQ(world.server->counters().datagrams_lost, lost);
}

TEST(quic_session, goes_on_when_the_client_s_address_changes) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  const env::Address moved = *env::parse_address("127.0.0.1:41234");
  world.network.rebind(world.client_socket->local(), moved);
  client.send_reliable(bytes_of("from elsewhere"));
  world.run_for(2 * kSecondNs);
  EXPECT_EQ(world.at_server.seen(server).reliable, "from elsewhere");
  EXPECT_EQ(server.peer(), moved);
  EXPECT_TRUE(server.send_datagram(bytes_of("found you")));
  world.run_for(kSecondNs);
  EXPECT_EQ(world.at_clients.seen(client).datagrams, std::vector<std::string>{"found you"});
}

TEST(quic_session, goes_on_with_new_keys) {
  QuicWorld world;
  Session& client = world.connected();
  Session& server = *world.at_server.open().front();
  for (u32 round = 0; round < 5; ++round) {
    world.run_for(kSecondNs);
    ASSERT_TRUE(world.clients->update_keys(client, world.clock.now())) << "round " << round;
    EXPECT_FALSE(world.clients->update_keys(client, world.clock.now())) << "before anybody has heard of it";
    client.send_datagram(bytes_of("sealed anew"));
    client.send_reliable(bytes_of("r"));
    world.run_for(kSecondNs / 10);
    server.send_datagram(bytes_of("and back"));
    world.run_for(kSecondNs / 10);
    EXPECT_EQ(world.at_server.seen(server).datagrams.size(), round + 1);
    EXPECT_EQ(world.at_server.seen(server).reliable.size(), round + 1);
    EXPECT_EQ(world.at_clients.seen(client).datagrams.size(), round + 1);
  }
}

TEST(quic_session, a_restarted_server_s_reset_tells_the_client_at_once) {
  QuicWorld world;
  Session& client = world.connected();
  world.run_for(kSecondNs);
  world.at_server.~Recorder();
  new (&world.at_server) Recorder;
  world.start_server();
  client.send_datagram(bytes_of("still there, I hope"));
  const TimeNs from = world.clock.now();
  ASSERT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_LT(world.clock.now() - from, kSecondNs / 10);
  EXPECT_EQ(world.at_clients.last_code, CloseCode::server_stopping);
  EXPECT_EQ(world.server->counters().resets_sent, 1U);
  world.connected();
}

}  // namespace
}  // namespace drumline::transport::testing
