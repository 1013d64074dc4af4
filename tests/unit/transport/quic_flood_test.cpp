// Floods of an authenticated client: packets that are sealed well and full of frames of one kind. Each
// has a bound in memory and in what the server answers, and others are served as if nothing were.
#include <array>
#include <functional>

#include <malloc.h>

#include "hostile_clients.hpp"

namespace drumline::transport::testing {
namespace {

constexpr int kPackets = 3000;
constexpr std::size_t kPacketBytes = 1000;
// What one connection may hold beyond what it held when it was opened: a window of 64 KiB, in single
// bytes with gaps between them, takes ngtcp2 seven times as much.
constexpr std::size_t kMemoryBound = 512 << 10;

using Frame = std::vector<u8>;

/// RFC 9000, section 16, in two or eight bytes.
void put_varint(Frame& out, u64 value) {
  const bool is_short = value < 0x4000;
  for (int byte = is_short ? 1 : 7; byte >= 0; --byte) out.push_back(static_cast<u8>(value >> (8 * byte)));
  out[out.size() - (is_short ? 2 : 8)] |= is_short ? 0x40 : 0xC0;
}

struct Flood {
  const char* name;
  /// The `i`th frame of all.
  std::function<Frame(u64 i)> frame;
  bool may_stay = true;  ///< false: the protocol forbids it, and the session must be ended for it
};

std::ostream& operator<<(std::ostream& out, const Flood& flood) {
  return out << flood.name;
}

const std::array kFloods = {
    Flood{"ping", [](u64) { return Frame{0x01}; }},
    Flood{"path_challenge", [](u64 i) { return Frame{0x1A, u8(i), u8(i >> 8), u8(i >> 16), 4, 5, 6, 7, 8}; }},
    Flood{"path_response_to_nothing", [](u64 i) { return Frame{0x1B, u8(i), 2, 3, 4, 5, 6, 7, 8}; }},
    Flood{"max_data",
          [](u64 i) {
            Frame frame{0x10};
            put_varint(frame, 0x4000 + i);
            return frame;
          }},
    Flood{"max_stream_data",
          [](u64 i) {
            Frame frame{0x11, 0x00};
            put_varint(frame, 0x4000 + i);
            return frame;
          }},
    Flood{"data_blocked",
          [](u64 i) {
            Frame frame{0x14};
            put_varint(frame, i % 0x4000);
            return frame;
          }},
    Flood{"retire_connection_id",
          [](u64) {
            return Frame{0x19, 0x00};
          }},
    Flood{"datagram",
          [](u64) {
            return Frame{0x31, 0x01, 'x'};
          }},
    Flood{"new_connection_id",
          [](u64 i) {
            Frame frame{0x18};
            put_varint(frame, i + 2);
            put_varint(frame, 0);
            frame.push_back(8);
            for (int byte = 0; byte < 8; ++byte) frame.push_back(static_cast<u8>((i * 7919) >> (8 * byte)));
            frame.resize(frame.size() + 16, static_cast<u8>(i));
            return frame;
          },
          false},
    // Each retires all before it, so that the server owes a RETIRE_CONNECTION_ID for each.
    Flood{"new_connection_id_that_retires",
          [](u64 i) {
            Frame frame{0x18};
            put_varint(frame, i + 2);
            put_varint(frame, i + 2);
            frame.push_back(8);
            for (int byte = 0; byte < 8; ++byte) frame.push_back(static_cast<u8>((i * 7919) >> (8 * byte)));
            frame.resize(frame.size() + 16, static_cast<u8>(i));
            return frame;
          },
          false},
    Flood{"further_streams",
          [](u64 i) {
            Frame frame{0x0A};
            put_varint(frame, 4 * (i + 1));
            frame.insert(frame.end(), {1, 'x'});
            return frame;
          },
          false},
    Flood{"stream_far_ahead",
          [](u64) {
            Frame frame{0x0E, 0x00};
            put_varint(frame, 1 << 20);
            frame.insert(frame.end(), {1, 'x'});
            return frame;
          },
          false},
    // Every second byte within the window: pieces to be kept until the rest comes.
    Flood{"stream_in_pieces",
          [](u64 i) {
            Frame frame{0x0E, 0x00};
            put_varint(frame, 100 + 2 * (i % 8000));
            frame.insert(frame.end(), {1, 'x'});
            return frame;
          }},
    Flood{"crypto_after_the_handshake",
          [](u64 i) {
            Frame frame{0x06};
            put_varint(frame, i);
            frame.insert(frame.end(), {1, 0});
            return frame;
          },
          false},
    Flood{"acknowledgement_of_nothing", [](u64) { return Frame{0x02, 0x7F, 0xFF, 0x00, 0x00, 0x00}; }, false},
    Flood{"reset_stream",
          [](u64) {
            return Frame{0x04, 0x00, 0x05, 0x00};
          },
          false},
    Flood{"stop_sending",
          [](u64) {
            return Frame{0x05, 0x00, 0x05};
          },
          false},
    Flood{"unknown_frame",
          [](u64) {
            return Frame{0x7F, 0xFE};
          },
          false},
};

class QuicFlood : public ::testing::TestWithParam<Flood> {};

TEST_P(QuicFlood, is_bounded_and_harms_nobody) {
  QuicWorld world;
  Session& honest = world.connected();
  const auto socket = world.bind("127.0.0.1:40001");
  Recorder at_hostile;
  HostileClients clients(world.random, at_hostile, socket->batch());
  const auto exchange = [&] {
    world.clock.advance(kMillisecondNs);
    const TimeNs now = world.clock.now();
    for (auto packets = socket->receive(); !packets.empty(); packets = socket->receive())
      clients.receive(packets, socket->local(), now);
    if (clients.deadline() <= now) clients.on_timer(now);
    clients.flush(now);
    socket->batch().flush();
    world.work();
  };
  ASSERT_TRUE(clients.connect(world.server_socket->local(), socket->local(),
                              {"localhost", credentials(client_files()), 0}, world.clock.now()));
  for (int i = 0; i < 100 && at_hostile.open().empty(); ++i) exchange();
  ASSERT_FALSE(at_hostile.open().empty());
  for (int i = 0; i < 50; ++i) exchange();
  world.at_server.keep_datagrams = false;
  const u64 closed_before = world.at_server.closes;
  const u64 sent_before = world.server->counters().bytes_sent;
  const u64 received_before = world.server->counters().bytes_received;
  const std::size_t memory_before = mallinfo2().uordblks;
  std::size_t most = memory_before;
  const std::vector<std::byte> room(kPacketBytes);
  u64 frames = 0;
  u64 heard = 0;
  for (int i = 0; i < kPackets && !at_hostile.open().empty(); ++i) {
    Frame packet;
    while (packet.size() + 32 < kPacketBytes) {
      const Frame frame = GetParam().frame(frames++);
      packet.insert(packet.end(), frame.begin(), frame.end());
    }
    HostileClients::contents = std::as_bytes(std::span(packet));
    at_hostile.open().front()->send_datagram(room);
    exchange();
    HostileClients::contents = {};
    most = std::max(most, static_cast<std::size_t>(mallinfo2().uordblks));
    // The honest one is heard in between.
    if (i % 100 == 0) {
      const u64 before = world.at_server.datagrams;
      ASSERT_TRUE(honest.send_datagram(bytes_of("here")));
      world.run_for(3 * kMillisecondNs);
      ASSERT_GT(world.at_server.datagrams, before) << "after " << i << " packets";
      ++heard;
    }
  }
  EXPECT_GT(heard, 0U);
  if (!GetParam().may_stay) {
    EXPECT_EQ(world.at_server.closes, closed_before + 1) << "what the protocol forbids was let pass";
  }
  EXPECT_FALSE(world.at_clients.seen(honest).closed);
  // Answers are no larger than what asked for them. 4 KiB: the honest client's, and a farewell.
  EXPECT_LE(world.server->counters().bytes_sent - sent_before,
            world.server->counters().bytes_received - received_before + (4 << 10));
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LE(most, memory_before + kMemoryBound);
#endif
}

INSTANTIATE_TEST_SUITE_P(Each, QuicFlood, ::testing::ValuesIn(kFloods),
                         [](const auto& flood) { return std::string(flood.param.name); });

}  // namespace
}  // namespace drumline::transport::testing
