// A client's second session: without certificates, and with something to say from its first packet on.
#include "quic_world.hpp"

namespace drumline::transport {
namespace {

using testing::bytes_of;
using testing::client_files;
using testing::QuicWorld;

constexpr i64 kWayNs = 50 * kMillisecondNs;

std::shared_ptr<const TicketKeys> keys_of(int secret, i64 period_s = 3600) {
  TicketSecret bytes;
  bytes.fill(static_cast<std::byte>(secret));
  return std::make_shared<const TicketKeys>(std::vector<TicketSecret>{bytes}, period_s);
}

class QuicResumption : public ::testing::Test {
 protected:
  static QuicServerOptions with_tickets(int secret = 1) {
    QuicServerOptions options;
    options.ticket_keys = keys_of(secret);
    return options;
  }

  static QuicSettings quick() {
    QuicSettings settings;
    settings.initial_rtt_ns = 120 * kMillisecondNs;
    return settings;
  }

  void start(QuicServerOptions options) {
    options.settings = quick();
    world.emplace(std::move(options), quick());
    world->network.set_conditions({.delay_ns = kWayNs});
  }

  /// Another server in the place of the first, with no more of it than the configuration tells.
  void replace_server(const std::function<void(QuicServerOptions&)>& change) {
    change(world->server_options);
    world->start_server();
  }

  Session& connect(bool early_data = false, const TlsFiles& files = client_files(),
                   std::optional<env::Address> to = std::nullopt) {
    auto session = world->clients->connect(
        to.value_or(world->server_socket->local()), world->client_socket->local(),
        {"localhost", testing::credentials(files), 0, kept, early_data}, world->clock.now());
    EXPECT_TRUE(session.ok());
    world->at_clients.seen(**session) = {};  // another may have been at this address
    return **session;
  }

  bool opens(Session& session) {
    return world->run_until([&] {
      return world->at_clients.seen(session).opened || world->at_clients.seen(session).closed;
    }) && world->at_clients.seen(session).opened;
  }

  /// The same, and the server has it open too.
  bool opens_at_both(Session& session) {
    const u64 before = world->server->counters().handshakes_completed;
    return opens(session) &&
           world->run_until([&] { return world->server->counters().handshakes_completed > before; });
  }

  /// The session that leaves a ticket, and is over again.
  void first_session(const TlsFiles& files = client_files()) {
    Session& session = connect(false, files);
    ASSERT_TRUE(opens(session)) << world->at_clients.last_reason;
    ASSERT_TRUE(world->run_until([&] { return !kept->session.empty() && !kept->address_token.empty(); }));
    session.close(CloseCode::none, "");
    ASSERT_TRUE(world->run_until([&] { return world->server->connections() == 0; }));
  }

  static void put(env::DatagramSocket& socket, const env::Address& to, Bytes packet) {
    const MutableBytes room = socket.batch().space();
    std::copy(packet.begin(), packet.end(), room.begin());
    socket.batch().commit(to, packet.size());
  }

  u64 resumed() const { return world->server->counters().handshakes_resumed; }

  std::optional<QuicWorld> world;
  std::shared_ptr<transport::QuicResumption> kept = std::make_shared<transport::QuicResumption>();
};

TEST_F(QuicResumption, needs_no_certificates_and_half_the_round_trips) {
  start(with_tickets());
  first_session();
  EXPECT_EQ(resumed(), 0U);
  const u64 bytes_before = world->server->counters().bytes_sent;
  const TimeNs begun = world->clock.now();
  Session& session = connect();
  ASSERT_TRUE(opens(session)) << world->at_clients.last_reason;
  // One round trip, where a full handshake's confirmation takes two.
  EXPECT_LT(world->clock.now() - begun, 3 * kWayNs);
  EXPECT_LT(world->server->counters().bytes_sent - bytes_before, 2500U);
  ASSERT_TRUE(world->run_until([&] { return world->at_server.open().size() == 1; }));
  EXPECT_EQ(resumed(), 1U);
  EXPECT_EQ(world->at_server.open()[0]->identity().name, "client");
  EXPECT_TRUE(world->at_server.open()[0]->identity().authenticated);
  session.send_reliable(bytes_of("and it works"));
  EXPECT_TRUE(world->run_until(
      [&] { return world->at_server.seen(*world->at_server.open()[0]).reliable == "and it works"; }));
}

TEST_F(QuicResumption, works_at_another_server_with_the_same_keys_and_only_there) {
  start(with_tickets(1));
  first_session();
  replace_server([](QuicServerOptions&) {});
  ASSERT_TRUE(opens_at_both(connect()));
  EXPECT_EQ(resumed(), 1U);
  replace_server([](QuicServerOptions& options) { options.ticket_keys = keys_of(2); });
  ASSERT_TRUE(opens_at_both(connect()))
      << "a ticket that cannot be read means a full handshake, nothing else";
  EXPECT_EQ(resumed(), 0U);
  replace_server([](QuicServerOptions& options) { options.ticket_keys = nullptr; });
  ASSERT_TRUE(opens_at_both(connect()));
  EXPECT_EQ(resumed(), 0U);
}

TEST_F(QuicResumption, a_session_without_a_certificate_opens_no_door_that_asks_for_one) {
  QuicServerOptions open_door = with_tickets();
  open_door.require_client_certificate = false;
  start(open_door);
  static const TlsFiles anonymous = testing::anonymous_files();
  first_session(anonymous);
  replace_server([](QuicServerOptions& options) { options.require_client_certificate = true; });
  Session& session = connect(false, anonymous);
  EXPECT_FALSE(opens(session));
  EXPECT_EQ(world->at_clients.last_code, CloseCode::unauthenticated);
  EXPECT_TRUE(world->at_server.open().empty());
}

TEST_F(QuicResumption, a_revoked_certificate_s_ticket_is_refused) {
  auto in_use = testing::credentials(testing::server_files());
  QuicServerOptions options = with_tickets();
  options.credentials = [&] { return in_use; };
  start(std::move(options));
  static const TlsFiles files = testing::client_files_of("taken-back");
  first_session(files);
  testing::revoke("taken-back");
  in_use = testing::credentials(testing::server_files_with_revoked());
  Session& session = connect(true, files);
  session.send_early(bytes_of("let me in"));
  ASSERT_TRUE(world->run_until([&] { return world->at_clients.seen(session).closed; }));
  EXPECT_EQ(world->at_clients.last_code, CloseCode::unauthenticated);
  EXPECT_EQ(world->server->counters().failed(HandshakeFailure::certificate_revoked), 1U);
  EXPECT_TRUE(world->at_server.early.empty()) << "nor is what it says early listened to";
  EXPECT_TRUE(world->at_server.open().empty());
}

TEST_F(QuicResumption, a_known_client_needs_no_retry_under_load) {
  start(with_tickets());
  first_session();
  replace_server([](QuicServerOptions& options) { options.retry_threshold = 0; });
  ASSERT_TRUE(opens_at_both(connect()));
  EXPECT_EQ(world->server->counters().retries_sent, 0U);
  // The token was used; without a new one there is nothing to show.
  kept->address_token.clear();
  ASSERT_TRUE(opens_at_both(connect()));
  const u64 retries = world->server->counters().retries_sent;
  EXPECT_GT(retries, 0U);
  // One byte is another.
  ASSERT_TRUE(world->run_until([&] { return !kept->address_token.empty(); }));
  kept->address_token.back() ^= std::byte{1};
  ASSERT_TRUE(opens_at_both(connect()));
  EXPECT_GT(world->server->counters().retries_sent, retries);
}

TEST_F(QuicResumption, early_data_is_answered_after_one_round_trip_and_comes_again_when_the_peer_is_proven) {
  start(with_tickets());
  first_session();
  bool open_when_early = true;
  world->at_server.when_early = [&](Session& session, Bytes) {
    open_when_early = !world->at_server.open().empty();
    EXPECT_EQ(session.identity().name, "client");
    EXPECT_TRUE(session.send_reliable(bytes_of("pong")));
    EXPECT_TRUE(session.send_datagram(bytes_of("state")));
  };
  const TimeNs begun = world->clock.now();
  Session& session = connect(true);
  ASSERT_TRUE(session.send_early(bytes_of("ping")));
  ASSERT_TRUE(world->run_until([&] { return world->at_clients.seen(session).reliable == "pong"; }));
  EXPECT_LT(world->clock.now() - begun, 3 * kWayNs);
  EXPECT_FALSE(open_when_early);
  EXPECT_EQ(world->at_clients.seen(session).datagrams, std::vector<std::string>{"state"});
  ASSERT_TRUE(world->run_until([&] { return world->at_server.open().size() == 1; }));
  world->run_for(kSecondNs);
  EXPECT_EQ(world->at_server.early, "ping");
  EXPECT_EQ(world->at_server.seen(*world->at_server.open()[0]).reliable, "ping");
  EXPECT_EQ(world->server->counters().early_data, 1U);
}

TEST_F(QuicResumption, refused_early_data_arrives_once_and_later) {
  start(with_tickets());
  first_session();
  replace_server([](QuicServerOptions& options) { options.early_data = false; });
  Session& session = connect(true);
  ASSERT_TRUE(session.send_early(bytes_of("hello")));
  ASSERT_TRUE(opens(session));
  session.send_reliable(bytes_of(", world"));
  ASSERT_TRUE(world->run_until([&] { return !world->at_server.open().empty(); }));
  world->run_for(kSecondNs);
  EXPECT_TRUE(world->at_server.early.empty());
  EXPECT_EQ(world->at_server.seen(*world->at_server.open()[0]).reliable, "hello, world");
  EXPECT_EQ(resumed(), 1U);
}

TEST_F(QuicResumption, early_data_survives_loss) {
  for (u64 seed = 1; seed <= 10; ++seed) {
    kept = std::make_shared<transport::QuicResumption>();
    QuicServerOptions options = with_tickets();
    options.settings = quick();
    world.emplace(std::move(options), quick(), seed);
    world->network.set_conditions({.delay_ns = kWayNs});
    first_session();
    world->network.set_conditions({.loss = 0.3, .delay_ns = kWayNs, .jitter_ns = kWayNs});
    Session& session = connect(true);
    ASSERT_TRUE(session.send_early(bytes_of("hello")));
    ASSERT_TRUE(world->run_until([&] {
      return !world->at_server.open().empty() &&
             world->at_server.seen(*world->at_server.open()[0]).reliable == "hello";
    })) << "seed "
        << seed;
  }
}

TEST_F(QuicResumption, early_data_waits_behind_its_own_first_packet) {
  QuicServerOptions options = with_tickets();
  options.max_waiting_packets = 64;
  start(std::move(options));
  const auto work = [&] {
    while (world->server->handshake_one(world->clock.now())) {
    }
  };
  const auto until = [&](const std::function<bool()>& done) {
    return world->run_until([&] {
      work();
      return done();
    });
  };
  Session& first = connect();
  ASSERT_TRUE(until([&] { return !kept->session.empty() && world->at_clients.seen(first).opened; }));
  Session& session = connect(true);
  // More than goes into the packets of the handshake.
  const std::string greeting(2000, 'x');
  ASSERT_TRUE(session.send_early(bytes_of(greeting)));
  ASSERT_TRUE(until([&] { return world->at_server.early == greeting; }));
  EXPECT_EQ(world->server->counters().dropped(PacketDrop::not_initial), 0U);
}

TEST_F(QuicResumption, a_copy_of_the_first_packets_changes_nothing) {
  start(with_tickets());
  // Of two servers with the same keys; early data is for those alone that are older than the ticket.
  testing::Recorder at_other;
  const auto other_socket = world->bind("127.0.0.1:7778");
  auto made = QuicServer::create(world->server_options, world->random, at_other, other_socket->batch());
  ASSERT_TRUE(made.ok());
  const std::unique_ptr<QuicServer> other = std::move(*made);
  first_session();
  // A listener hands on what goes by, and keeps the first packets.
  std::vector<std::vector<std::byte>> flight;
  auto tap = world->bind("127.0.0.1:8888");
  const auto hand_on = [&] {
    for (auto packets = tap->receive(); !packets.empty(); packets = tap->receive()) {
      for (const auto& packet : packets) {
        const bool from_server = packet.from == world->server_socket->local();
        if (!from_server && world->at_server.early.empty())
          flight.emplace_back(packet.bytes.begin(), packet.bytes.end());
        put(*tap, from_server ? world->client_socket->local() : world->server_socket->local(), packet.bytes);
      }
    }
    tap->batch().flush();
  };
  Session& session = connect(true, client_files(), tap->local());
  ASSERT_TRUE(session.send_early(bytes_of("hello")));
  ASSERT_TRUE(world->run_until([&] {
    hand_on();
    return world->at_server.open().size() == 1;
  }));
  ASSERT_FALSE(flight.empty());
  EXPECT_EQ(world->at_server.early, "hello");

  const auto replay = [&](const env::Address& to) {
    auto listener = world->bind("127.0.0.1:9999");
    for (const auto& packet : flight) put(*listener, to, packet);
    listener->batch().flush();
    const TimeNs until = world->clock.now() + 15 * kSecondNs;
    while (world->clock.now() < until) {
      world->run_for(kWayNs);
      for (auto packets = other_socket->receive(); !packets.empty(); packets = other_socket->receive())
        other->receive(packets, other_socket->local(), world->clock.now());
      other->on_timer(world->clock.now());
      other->flush(world->clock.now());
      other_socket->batch().flush();
    }
  };
  replay(world->server_socket->local());
  EXPECT_EQ(world->at_server.early, "hello") << "this server has seen it";
  EXPECT_EQ(world->at_server.open().size(), 1U);
  session.close(CloseCode::none, "");
  ASSERT_TRUE(world->run_until([&] {
    hand_on();
    return world->at_server.open().empty();
  }));
  world->run_for(5 * kSecondNs);
  replay(world->server_socket->local());
  EXPECT_EQ(world->at_server.early, "hello") << "and remembers it when nothing is left of the connection";
  // At a server that has not, it is a question that is answered to nobody.
  replay(other_socket->local());
  EXPECT_EQ(at_other.early, "hello");
  EXPECT_TRUE(at_other.open().empty());
  EXPECT_EQ(other->counters().handshakes_completed, 0U);
  EXPECT_EQ(other->connections(), 0U);
  EXPECT_EQ(at_other.closes, 1U) << "who was told of it is told of its end";
}

TEST_F(QuicResumption, more_early_data_than_a_greeting_takes_ends_the_connection) {
  start(with_tickets());
  first_session();
  Session& session = connect(true);
  ASSERT_TRUE(session.send_early(bytes_of(std::string(6000, 'x'))));
  ASSERT_TRUE(world->run_until([&] { return world->at_clients.seen(session).closed; }));
  EXPECT_TRUE(world->at_server.open().empty());
  EXPECT_LE(world->at_server.early.size(), 4096U);
}

TEST_F(QuicResumption, a_native_ticket_gives_no_early_data_to_http3) {
  QuicServerOptions options = with_tickets();
  options.webtransport.emplace();
  start(std::move(options));
  first_session();
  QuicSettings browser = quick();
  browser.alpn = "h3";
  world->clients =
      std::make_unique<QuicClients>(browser, world->random, world->at_clients, world->client_socket->batch());
  Session& session = connect(true);
  // An HTTP/3 client's first stream is a request.
  const std::array request = {std::byte{1}, std::byte{2}, std::byte{0}, std::byte{0}};
  ASSERT_TRUE(session.send_early(request));
  world->run_for(2 * kSecondNs);
  EXPECT_TRUE(world->at_server.early.empty());
  EXPECT_TRUE(world->at_server.open().empty());
  const WebTransportCounters& web = world->server->counters().webtransport;
  EXPECT_EQ(web.opened + web.refused_token + web.refused_request + web.protocol_errors, 0U)
      << "the request was looked at";
}

TEST_F(QuicResumption, nothing_is_early_without_a_session_to_resume) {
  start(with_tickets());
  Session& newcomer = connect(true);
  EXPECT_FALSE(newcomer.send_early(bytes_of("hello")));
  newcomer.close(CloseCode::none, "");
  world->run_for(kSecondNs);
  first_session();
  EXPECT_FALSE(connect(false).send_early(bytes_of("hello"))) << "nor where it was not asked for";
  kept->session.assign(300, std::byte{7});
  Session& session = connect(true);
  session.send_early(bytes_of("hello"));
  ASSERT_TRUE(opens(session)) << "a ticket that GnuTLS cannot read is as good as none";
}

}  // namespace
}  // namespace drumline::transport
