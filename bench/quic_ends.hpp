// A QUIC server and a set of QUIC clients in one thread, joined in memory: no socket is timed.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.hpp"
#include "env/random.hpp"
#include "transport/quic/quic_client.hpp"
#include "transport/quic/quic_server.hpp"

namespace drumline::bench {

/// For how long to go on.
double wall_seconds();
/// What is measured: this thread's processor time, so that busy neighbours do not count.
double thread_cpu_seconds();

/// Holds what one end sends until the other end takes it. Its memory stays.
class Pipe final : public env::PacketBatch {
 public:
  explicit Pipe(const env::Address& from) : from_(from) {}
  MutableBytes space() override;
  void commit(const env::Address&, std::size_t size, u8 ecn, u64) override;
  void flush() override {}
  /// Views until the next space().
  std::span<const env::ReceivedPacket> take();

 private:
  struct Packet {
    std::array<std::byte, env::kMaxPacketBytes> bytes;
    std::size_t size = 0;
    u8 ecn = 0;
  };
  env::Address from_;
  std::vector<std::unique_ptr<Packet>> packets_;
  std::vector<env::ReceivedPacket> views_;
  std::size_t used_ = 0;
};

/// Counts, and keeps who is there.
class Listener final : public transport::SessionHandler {
 public:
  void on_open(transport::Session& session) override { sessions.push_back(&session); }
  void on_reliable(transport::Session&, Bytes bytes) override { reliable_bytes += bytes.size(); }
  void on_datagram(transport::Session&, Bytes) override { ++datagrams; }
  void on_close(transport::Session& session, transport::CloseCode, std::string_view reason) override {
    last_reason = reason;
    std::erase(sessions, &session);
  }
  std::vector<transport::Session*> sessions;
  std::string last_reason;
  u64 datagrams = 0;
  u64 reliable_bytes = 0;
};

/// Certificates in `folder`, made when there are none; room for so many connections.
Result<transport::QuicServerOptions> server_options(const std::string& folder, std::size_t connections);
Result<transport::QuicClients::ClientOptions> client_options(const std::string& folder);

struct Ends {
  static Result<std::unique_ptr<Ends>> make(const std::string& folder, std::size_t connections,
                                            const transport::QuicSettings& settings = {});
  /// One round: what the clients sent to the server, and its answers to them.
  /// Adds the server's share to `server_seconds`. False when there was nothing.
  bool exchange();
  Result<transport::Session*> connect();

  env::SystemRandom random;
  env::Address server_address = *env::parse_address("127.0.0.1:7777");
  env::Address client_address = *env::parse_address("127.0.0.1:40000");
  Pipe from_server{server_address};
  Pipe from_clients{client_address};
  Listener at_server, at_clients;
  transport::QuicClients::ClientOptions client;
  TimeNs now = kSecondNs;
  double server_seconds = 0;
  std::unique_ptr<transport::QuicServer> server;
  std::unique_ptr<transport::QuicClients> clients;
};

/// What sends cost, each end, for a datagram of a frame's size to every session at every tick, when a
/// client says something in every sixth tick.
struct DatagramCosts {
  double server_us = 0;
  double client_us = 0;
  double packets_back = 0;  ///< from clients, for each datagram
  u64 refused = 0;
};
DatagramCosts measure_datagrams(Ends& ends, std::size_t bytes, double seconds);

}  // namespace drumline::bench
