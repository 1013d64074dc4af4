// A server of just the protocol, over real QUIC on loopback: it seats everybody,
// shows every tick an empty world, and can be killed and started again on its port.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "env/clock.hpp"
#include "env/network.hpp"
#include "env/random.hpp"
#include "transport/credentials/development_pki.hpp"
#include "transport/quic/quic_server.hpp"
#include "wire/command.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

namespace drumline::test {

/// A PKI folder of its own, removed at the end.
class TestPki {
 public:
  explicit TestPki(const std::string& name)
      : folder(::testing::TempDir() + "drumline_" + name + "_" + std::to_string(::getpid())) {
    std::filesystem::remove_all(folder);
    EXPECT_TRUE(transport::make_development_pki(folder).ok());
  }
  ~TestPki() { std::filesystem::remove_all(folder); }
  transport::TlsFiles server() const {
    const auto paths = transport::pki_paths(folder);
    return {paths.ca_certificate, paths.server_certificate, paths.server_key};
  }
  transport::TlsFiles client() const {
    const auto paths = transport::pki_paths(folder);
    return {paths.ca_certificate, paths.client_certificate, paths.client_key};
  }
  const std::string folder;
};

class MiniServer : private transport::SessionHandler {
 public:
  explicit MiniServer(const transport::TlsFiles& tls, u16 port = 0) {
    auto address = env::parse_address("127.0.0.1:" + std::to_string(port));
    socket_ = network_->bind(*address, {}).value();
    transport::QuicServerOptions options;
    options.tls = tls;
    quic_ = transport::QuicServer::create(options, random_, *this, socket_->batch()).value();
    thread_ = std::thread([this] { run(); });
  }
  /// Goes without a word, as when killed.
  ~MiniServer() override {
    stop_ = true;
    thread_.join();
  }

  u16 port() const { return socket_->local().port; }
  std::string url() const { return "quic://127.0.0.1:" + std::to_string(port()); }

  std::atomic<u32> hellos{0};
  std::atomic<u32> resumed{0};
  std::atomic<u32> leaves{0};
  std::atomic<u64> commands{0};

 private:
  struct Seat {
    wire::FrameReader reader{{}};
    u32 sequence = 0;
    bool seated = false;
  };

  void run() {
    TimeNs next_tick = clock_.now();
    while (!stop_) {
      const TimeNs now = clock_.now();
      for (auto packets = socket_->receive(); !packets.empty(); packets = socket_->receive()) {
        quic_->receive(packets, socket_->local(), now);
      }
      if (quic_->deadline() <= now) quic_->on_timer(now);
      if (now >= next_tick) {
        next_tick += kTickNs;
        ++tick_;
        quic_->advance(now);
        for (auto& [session, seat] : seats_) {
          if (seat.seated) send_state(*session, seat);
        }
      }
      quic_->flush(now);
      socket_->batch().flush();
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }

  void send_state(transport::Session& session, const Seat& seat) {
    std::array<std::byte, 12> memory;
    ByteWriter out(memory);
    out.write(u8{1});
    out.write(u8{0});
    out.write(tick_);
    out.write(seat.sequence);
    out.write(static_cast<u16>(seats_.size()));
    session.send_datagram(out.written());
  }

  void on_open(transport::Session& session) override { seats_[&session]; }
  void on_close(transport::Session& session, transport::CloseCode, std::string_view) override {
    seats_.erase(&session);
  }
  void on_reliable(transport::Session& session, Bytes bytes) override {
    Seat& seat = seats_[&session];
    seat.reader.feed(bytes, [&](Bytes payload) {
      auto message = wire::decode_client_message(payload);
      EXPECT_TRUE(message.ok());
      if (const auto* hello = std::get_if<wire::Hello>(&*message)) {
        ++hellos;
        if (!hello->reconnect_token.empty()) ++resumed;
        seat.seated = true;
        wire::Welcome welcome;
        welcome.player = PlayerSlot{next_player_++};
        welcome.entity = make_entity_id(0, 1, welcome.player.value);
        welcome.tick = tick_;
        welcome.resumed = !hello->reconnect_token.empty();
        welcome.reconnect_token = {std::byte{1}, std::byte{2}};
        welcome.schema = {{.index = 0,
                           .name = "players",
                           .fields = {{.name = "x", .bits = 20, .role = world::FieldRole::position_x},
                                      {.name = "y", .bits = 20, .role = world::FieldRole::position_y}}}};
        std::vector<std::byte> out;
        wire::encode_message(welcome, out);
        session.send_reliable(out);
      } else if (const auto* ping = std::get_if<wire::Ping>(&*message)) {
        std::vector<std::byte> out;
        wire::encode_message(wire::Pong{ping->nonce, tick_}, out);
        session.send_reliable(out);
      } else {
        ++leaves;
      }
      return true;
    });
  }
  void on_datagram(transport::Session& session, Bytes payload) override {
    Seat& seat = seats_[&session];
    wire::for_each_frame(payload, wire::kMaxCommandPayloadBytes, wire::kMaxCommandsPerDatagram,
                         [&](Bytes frame) {
                           world::Command command;
                           wire::CommandAcks acks;
                           EXPECT_EQ(wire::decode_command(frame, command, acks), wire::DecodeStatus::ok);
                           if (command.action != world::Action::none && command.sequence > seat.sequence) {
                             seat.sequence = command.sequence;
                             ++commands;
                           }
                         });
  }

  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  std::unique_ptr<env::DatagramSocket> socket_;
  std::map<transport::Session*, Seat> seats_;
  std::unique_ptr<transport::QuicServer> quic_;
  u32 tick_ = 100;
  u32 next_player_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace drumline::test
