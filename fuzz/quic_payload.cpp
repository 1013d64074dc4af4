// Behind QUIC's encryption: a client whose packets are sealed as they should be and hold whatever the
// input says, in its handshake or after it. The server must live, and others must not notice.
#include <cstdio>

#include "base/log.hpp"
#include "fuzz.hpp"
#include "unit/transport/hostile_clients.hpp"

namespace drumline::fuzz {
namespace {

using transport::Session;
using transport::testing::HostileClients;
using transport::testing::QuicWorld;

/// The server, an honest client that stays, and a socket for the hostile one.
struct World : QuicWorld {
  World() : QuicWorld(bounded()), hostile_socket(bind("127.0.0.1:40001")) {
    // Each of them fails, and says so.
    set_log_level(LogLevel::off);
    honest = &connected();
  }
  static transport::QuicServerOptions bounded() {
    transport::QuicServerOptions options;
    options.settings.handshake_timeout_ns = kSecondNs;
    return options;
  }
  std::unique_ptr<env::DatagramSocket> hostile_socket;
  Session* honest = nullptr;
};

World& world() {
  static World made;
  return made;
}

/// Of a datagram whose packet holds as much as an input may say.
constexpr std::size_t kRoomBytes = 300;

/// tools/fuzz adds them up.
struct PacketsTold {
  ~PacketsTold() {
    std::fprintf(stderr, "stat::mutated_packets: %llu\n",
                 static_cast<unsigned long long>(HostileClients::changed));
  }
} const packets_told;

}  // namespace

void run(Bytes input) {
  if (input.empty()) return;
  World& w = world();
  const auto how = static_cast<u32>(input.front());
  transport::testing::Recorder at_hostile;
  HostileClients hostile(w.random, at_hostile, w.hostile_socket->batch());
  HostileClients::contents = {};
  const auto exchange = [&](i64 step) {
    w.clock.advance(step);
    const TimeNs now = w.clock.now();
    for (auto packets = w.hostile_socket->receive(); !packets.empty(); packets = w.hostile_socket->receive())
      hostile.receive(packets, w.hostile_socket->local(), now);
    if (hostile.deadline() <= now) hostile.on_timer(now);
    hostile.flush(now);
    w.hostile_socket->batch().flush();
    w.work();
  };
  auto session = hostile.connect(
      w.server_socket->local(), w.hostile_socket->local(),
      {"localhost", transport::testing::credentials(transport::testing::client_files()), 0}, w.clock.now());
  DRUM_ASSERT(session.ok());
  if ((how & 1) != 0) {  // in the handshake, from its first, second … packet on
    HostileClients::spared = (how >> 1) % 4;
    HostileClients::contents = input.subspan(1);
  }
  for (u32 i = 0; i < 12 && at_hostile.open().empty() && at_hostile.closes == 0; ++i)
    exchange(kMillisecondNs);
  // After it: packet by packet, each a byte for its size and what it holds, while the server bears it.
  HostileClients::spared = 0;
  const std::vector<std::byte> room(kRoomBytes);
  for (Bytes rest = input.subspan(1); rest.size() > 1 && !at_hostile.open().empty();) {
    const std::size_t size = std::min(static_cast<std::size_t>(rest.front()), rest.size() - 1);
    HostileClients::contents = rest.subspan(1, size);
    rest = rest.subspan(1 + size);
    at_hostile.open().front()->send_datagram(room);
    exchange(kMillisecondNs);
  }
  HostileClients::contents = {};
  hostile.close_all(transport::CloseCode::none, "");
  exchange(kMillisecondNs);
  // The honest one is there all the same, and is heard.
  const u64 heard = w.at_server.datagrams;
  DRUM_ASSERT(w.honest->send_datagram(as_bytes("here")));
  w.run_for(5 * kMillisecondNs);
  DRUM_ASSERT(w.at_server.datagrams > heard);
  // What is left of hostile ones goes with its timers.
  w.run_for(4 * kSecondNs);
  DRUM_ASSERT(w.server->half_open() < 64);
}

std::vector<Input> seeds() {
  // RFC 9000, section 19: PING; MAX_DATA; RESET_STREAM and STREAM of stream 0; PATH_CHALLENGE;
  // NEW_CONNECTION_ID; CRYPTO; DATAGRAM; CONNECTION_CLOSE; ACK with a range.
  const std::vector<std::vector<int>> frames = {
      {0x01},
      {0x10, 0x44, 0x00},
      {0x04, 0x00, 0x05, 0x10},
      {0x0A, 0x00, 0x04, 'a', 'b', 'c', 'd'},
      {0x1A, 1, 2, 3, 4, 5, 6, 7, 8},
      {0x18, 0x02, 0x00, 0x04, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
      {0x06, 0x00, 0x04, 1, 0, 0, 0},
      {0x31, 0x03, 'x', 'y', 'z'},
      {0x1D, 0x02, 0x03, 'b', 'y', 'e'},
      {0x02, 0x00, 0x00, 0x00, 0x00},
  };
  std::vector<Input> all;
  for (const int how : {0, 1, 3, 5}) {
    for (const auto& frame : frames) {
      Input input{std::byte(how)};
      if (how == 0) input.push_back(std::byte(frame.size()));
      for (const int byte : frame) input.push_back(std::byte(byte));
      all.push_back(input);
    }
  }
  // What a connection survives, one packet after the other.
  Input many{std::byte{0}};
  for (const auto& frame : frames) {
    if (frame.front() == 0x04 || frame.front() == 0x1D) continue;
    many.push_back(std::byte(frame.size()));
    for (const int byte : frame) many.push_back(std::byte(byte));
  }
  all.push_back(many);
  return all;
}

}  // namespace drumline::fuzz
