// The same over real UDP sockets, with the real clock.
#include <poll.h>

#include "quic_world.hpp"

namespace drumline::transport::testing {
namespace {

TEST(quic_loopback, twenty_clients_share_one_socket_and_are_all_served) {
  const env::SystemClock clock;
  env::SystemRandom random;
  const auto network = env::make_system_network();
  auto server_socket = network->bind(*env::parse_address("127.0.0.1:0"), {});
  auto client_socket = network->bind(*env::parse_address("127.0.0.1:0"), {});
  ASSERT_TRUE(server_socket.ok() && client_socket.ok());
  env::DatagramSocket& at_server = **server_socket;
  env::DatagramSocket& at_client = **client_socket;
  Recorder server_events, client_events;
  QuicServerOptions options;
  options.tls = server_files();
  auto server = QuicServer::create(options, random, server_events, at_server.batch());
  ASSERT_TRUE(server.ok());
  QuicClients clients({}, random, client_events, at_client.batch());
  server_events.when_datagram = [](Session& session, Bytes bytes) { session.send_datagram(bytes); };
  server_events.when_reliable = [](Session& session, Bytes bytes) { session.send_reliable(bytes); };

  const auto work = [&] {
    std::array<pollfd, 2> ready{pollfd{at_server.descriptor(), POLLIN, 0},
                                pollfd{at_client.descriptor(), POLLIN, 0}};
    ::poll(ready.data(), ready.size(), 1);
    for (auto packets = at_server.receive(); !packets.empty(); packets = at_server.receive()) {
      (*server)->receive(packets, at_server.local(), clock.now());
    }
    for (auto packets = at_client.receive(); !packets.empty(); packets = at_client.receive()) {
      clients.receive(packets, at_client.local(), clock.now());
    }
    if ((*server)->deadline() <= clock.now()) (*server)->on_timer(clock.now());
    if (clients.deadline() <= clock.now()) clients.on_timer(clock.now());
    (*server)->flush(clock.now());
    clients.flush(clock.now());
    at_server.batch().flush();
    at_client.batch().flush();
  };
  const auto until = [&](const std::function<bool()>& done) {
    const TimeNs limit = clock.now() + 20 * kSecondNs;
    while (!done() && clock.now() < limit) work();
    return done();
  };

  constexpr std::size_t kClients = 20;
  const auto shared = credentials(client_files());
  for (std::size_t i = 0; i < kClients; ++i) {
    ASSERT_TRUE(clients.connect(at_server.local(), at_client.local(), {"127.0.0.1", shared, i}, clock.now()));
  }
  ASSERT_TRUE(until([&] { return client_events.open().size() == kClients; })) << client_events.last_reason;
  for (Session* session : std::vector(client_events.open())) {
    EXPECT_TRUE(session->send_reliable(bytes_of("reliable " + std::to_string(session->context))));
    EXPECT_TRUE(session->send_datagram(bytes_of(std::string(1'100, 'd'))));
  }
  EXPECT_TRUE(until([&] {
    for (Session* session : client_events.open()) {
      if (client_events.seen(*session).reliable != "reliable " + std::to_string(session->context))
        return false;
    }
    return client_events.datagrams == kClients;
  }));
  clients.close_all(CloseCode::none, "done");
  EXPECT_TRUE(until([&] { return server_events.closes == kClients; }));
  EXPECT_EQ(server_events.last_code, CloseCode::none);
}

}  // namespace
}  // namespace drumline::transport::testing
