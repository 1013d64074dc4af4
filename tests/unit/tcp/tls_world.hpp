// A listener and its clients on one io_context and one thread, and peers of other kinds.
#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "env/clock.hpp"
#include "test_pki.hpp"
#include "transport/tcp/tcp_client.hpp"
#include "transport/tcp/tcp_listener.hpp"
#include "transport/tcp/tls_context.hpp"

namespace drumline::transport::testing {

struct Ended {
  u64 context = 0;
  CloseCode code = CloseCode::none;
  std::string reason;
};

/// What one end hears.
struct Side : SessionHandler {
  void on_open(Session& session) override {
    open = &session;
    names.push_back(session.identity().name);
    if (opened) opened(session);
  }
  void on_reliable(Session& session, Bytes bytes) override {
    reliable += as_text(bytes);
    if (echo) session.send_reliable(bytes);
  }
  void on_datagram(Session&, Bytes payload) override { datagrams.emplace_back(as_text(payload)); }
  void on_close(Session& session, CloseCode code, std::string_view reason) override {
    if (open == &session) open = nullptr;
    ended.push_back({session.context, code, std::string(reason)});
  }

  Session* open = nullptr;
  std::vector<std::string> names;
  std::string reliable;
  std::vector<std::string> datagrams;
  std::vector<Ended> ended;
  std::function<void(Session&)> opened;
  bool echo = false;
};

inline std::shared_ptr<const TicketKeys> ticket_keys(int byte) {
  TicketSecret secret;
  secret.fill(static_cast<std::byte>(byte));
  return std::make_shared<const TicketKeys>(std::vector<TicketSecret>{secret}, 3600);
}

class TlsWorld : public ::testing::Test {
 protected:
  TlsWorld() {
    tls.files = server_files();
    tls.ticket_keys = ticket_keys(1);
  }

  std::unique_ptr<TcpListener> make_listener() {
    auto context = TlsServerContext::create(tls, clock);
    EXPECT_TRUE(context.ok()) << (context.ok() ? "" : context.error().message);
    options.tls = [context = *context] { return context; };
    auto made = TcpListener::create(io, options, verify, server);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    return std::move(*made);
  }
  void serve() { listener = make_listener(); }
  static Result<PeerIdentity> verify(std::string_view token) {
    if (token != "good") return Error{ErrorCode::refused, "The token's signature does not hold."};
    PeerIdentity identity;
    identity.authenticated = true;
    identity.name = "a browser";
    return identity;
  }

  std::unique_ptr<TcpClients> make_clients(const TlsFiles& files, i64 handshake_timeout_ms = 5'000) {
    auto context = TlsClientContext::create(files);
    EXPECT_TRUE(context.ok()) << (context.ok() ? "" : context.error().message);
    client_options.tls = *context;
    client_options.handshake_timeout_ms = handshake_timeout_ms;
    return std::make_unique<TcpClients>(io, client_options, client);
  }
  /// One client whose session is open at both ends.
  void connect() {
    if (!listener) serve();
    clients = make_clients(client_files());
    clients->connect(listener->local(), 42);
    ASSERT_TRUE(until([&] { return client.open != nullptr && server.open != nullptr; })) << last_end();
  }
  std::string last_end() const { return client.ended.empty() ? "nothing ended" : client.ended.back().reason; }

  bool until(const std::function<bool()>& done, int seconds = 10) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!done() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds(5));
    }
    return done();
  }
  /// Runs `work` on a thread of its own while the listener is served here.
  template <class Work>
  auto beside(Work work) {
    auto result = std::async(std::launch::async, work);
    EXPECT_TRUE(
        until([&] { return result.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }, 30));
    return result.get();
  }
  /// What a command prints, both ways.
  std::string output_of(const std::string& command) {
    return beside([command] {
      std::string text;
      FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
      std::array<char, 4096> part;
      while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe))
        text.append(part.data(), size);
      ::pclose(pipe);
      return text;
    });
  }
  /// openssl's own client; its input stays open for a moment, so that tickets arrive.
  std::string s_client(const std::string& arguments) {
    return output_of("(sleep 0.3) | timeout 10 openssl s_client -connect 127.0.0.1:" +
                     std::to_string(listener->local().port) + " -CAfile " + server_files().authority + " " +
                     arguments);
  }
  static std::string as_player() {
    return "-cert " + client_files().certificate + " -key " + client_files().key;
  }

  int raw_connection() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(listener->local().port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }
  /// Until the peer ends; what it said.
  static std::string rest_of(int fd) {
    std::string text;
    std::array<char, 4096> part;
    ssize_t size = 0;
    while ((size = ::recv(fd, part.data(), part.size(), 0)) > 0)
      text.append(part.data(), static_cast<std::size_t>(size));
    return text;
  }
  /// A peer that speaks TLS as it should, and above it whatever `talk` says. Gives what it heard.
  std::string raw_tls(const std::function<void(SSL*)>& talk) {
    return beside([this, talk] {
      auto context = TlsClientContext::create(client_files());
      const int fd = raw_connection();
      SslPtr ssl = (*context)->new_connection("localhost", kNativeProtocol, nullptr, nullptr);
      SSL_set_fd(ssl.get(), fd);
      std::string heard;
      if (SSL_connect(ssl.get()) == 1) {
        talk(ssl.get());
        std::array<char, 4096> part;
        int size = 0;
        while ((size = SSL_read(ssl.get(), part.data(), part.size())) > 0)
          heard.append(part.data(), static_cast<std::size_t>(size));
      }
      ::close(fd);
      return heard;
    });
  }

  const TlsCounters& counters() const { return listener->counters(); }

  boost::asio::io_context io;
  env::SystemClock clock;
  Side server;
  Side client;
  TlsServerContext::Options tls;
  TcpListenerOptions options;
  TcpClientOptions client_options;
  std::unique_ptr<TcpListener> listener;
  std::unique_ptr<TcpClients> clients;
};

}  // namespace drumline::transport::testing
