// A QUIC server and clients on a simulated network under a simulated clock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "env/clock.hpp"
#include "env/random.hpp"
#include "env/simulated_network.hpp"
#include "test_pki.hpp"
#include "transport/quic/quic_client.hpp"
#include "transport/quic/quic_server.hpp"

namespace drumline::transport::testing {

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Remembers all that it is told.
class Recorder : public SessionHandler {
 public:
  struct Seen {
    std::string name;
    std::string reliable;
    std::vector<std::string> datagrams;
    std::string early;  ///< before it opened
    bool opened = false;
    bool closed = false;
    CloseCode code = CloseCode::none;
    std::string reason;
  };

  void on_open(Session& session) override {
    auto& seen = seen_[&session];
    seen = {.early = seen.opened ? "" : seen.early};
    seen.opened = true;
    seen.name = session.identity().name;
    open_.push_back(&session);
    if (when_open) when_open(session);
  }
  void on_early(Session& session, Bytes bytes) override {
    seen_[&session].early.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    early.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (when_early) when_early(session, bytes);
  }
  void on_reliable(Session& session, Bytes bytes) override {
    seen_[&session].reliable.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (when_reliable) when_reliable(session, bytes);
  }
  void on_datagram(Session& session, Bytes bytes) override {
    if (keep_datagrams) {
      seen_[&session].datagrams.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    ++datagrams;
    if (when_datagram) when_datagram(session, bytes);
  }
  void on_close(Session& session, CloseCode code, std::string_view reason) override {
    auto& seen = seen_[&session];
    EXPECT_FALSE(seen.closed) << "closed twice";
    seen.closed = true;
    seen.code = code;
    seen.reason = reason;
    std::erase(open_, &session);
    ++closes;
    last_code = code;
    last_reason = reason;
    if (when_close) when_close(session);
  }

  Seen& seen(Session& session) { return seen_[&session]; }
  const std::vector<Session*>& open() const { return open_; }

  std::function<void(Session&)> when_open, when_close;
  std::function<void(Session&, Bytes)> when_reliable, when_datagram, when_early;
  std::string early;  ///< of all sessions
  bool keep_datagrams = true;
  u64 datagrams = 0;
  u64 closes = 0;
  CloseCode last_code = CloseCode::none;
  std::string last_reason;

 private:
  std::map<Session*, Seen> seen_;
  std::vector<Session*> open_;
};

inline std::shared_ptr<const TlsCredentials> credentials(const TlsFiles& files) {
  auto loaded = TlsCredentials::load(files);
  EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
  return loaded.ok() ? *loaded : nullptr;
}

class QuicWorld {
 public:
  explicit QuicWorld(QuicServerOptions options = {}, QuicSettings client_settings = {}, u64 seed = 1)
      : random(seed), network(clock, seed), server_options(std::move(options)) {
    if (server_options.tls.certificate.empty()) server_options.tls = server_files();
    server_socket = bind("127.0.0.1:7777");
    client_socket = bind("127.0.0.1:40000");
    start_server();
    clients = std::make_unique<QuicClients>(client_settings, random, at_clients, client_socket->batch());
  }

  void start_server() {
    server.reset();
    auto made = QuicServer::create(server_options, random, at_server, server_socket->batch());
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    server = std::move(*made);
  }

  std::unique_ptr<env::DatagramSocket> bind(const std::string& address) {
    auto bound = network.bind(*env::parse_address(address), {});
    EXPECT_TRUE(bound.ok());
    return std::move(*bound);
  }

  Session& connect(const TlsFiles& files = client_files(), const std::string& name = "localhost") {
    auto session = clients->connect(server_socket->local(), client_socket->local(),
                                    {name, credentials(files), 0}, clock.now());
    EXPECT_TRUE(session.ok());
    return **session;
  }

  /// Connects and runs until the session is open at both ends.
  Session& connected(const TlsFiles& files = client_files()) {
    const std::size_t before = at_server.open().size();
    Session& session = connect(files);
    EXPECT_TRUE(run_until([&] {
      return at_clients.seen(session).opened && at_server.open().size() > before;
    })) << at_clients.last_reason;
    return session;
  }

  /// Everything that is due now.
  void work() {
    for (bool any = true; any;) {
      any = false;
      for (auto packets = server_socket->receive(); !packets.empty(); packets = server_socket->receive()) {
        any = true;
        server->receive(packets, server_socket->local(), clock.now());
      }
      for (auto packets = client_socket->receive(); !packets.empty(); packets = client_socket->receive()) {
        any = true;
        clients->receive(packets, client_socket->local(), clock.now());
      }
      if (server->deadline() <= clock.now()) server->on_timer(clock.now());
      if (clients->deadline() <= clock.now()) clients->on_timer(clock.now());
      server->flush(clock.now());
      clients->flush(clock.now());
      server_socket->batch().flush();
      client_socket->batch().flush();
      if (const auto arrival = network.next_arrival(); arrival && *arrival <= clock.now()) any = true;
    }
  }

  void move_clock(TimeNs limit) {
    TimeNs next = std::min({server->deadline(), clients->deadline(), limit});
    if (const auto arrival = network.next_arrival()) next = std::min(next, *arrival);
    if (next > clock.now()) clock.advance(next - clock.now());
  }

  void run_for(i64 duration) {
    const TimeNs until = clock.now() + duration;
    work();
    while (clock.now() < until) {
      move_clock(until);
      work();
    }
  }

  bool run_until(const std::function<bool()>& done, i64 limit = 30 * kSecondNs) {
    const TimeNs until = clock.now() + limit;
    work();
    while (!done()) {
      if (clock.now() >= until) return false;
      move_clock(until);
      work();
    }
    return true;
  }

  env::SimulatedClock clock{kSecondNs};
  env::SeededRandom random;
  env::SimulatedNetwork network;
  QuicServerOptions server_options;
  Recorder at_server, at_clients;
  std::unique_ptr<env::DatagramSocket> server_socket, client_socket;
  std::unique_ptr<QuicServer> server;
  std::unique_ptr<QuicClients> clients;
};

}  // namespace drumline::transport::testing
