// QUIC as the server pays for it: full handshakes with mutual TLS, sealing and
// opening a frame's datagram, acknowledgements, and the memory of an idle
// connection. Both ends run in this thread, joined in memory: no socket is timed.
#include <array>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <gnutls/crypto.h>
#include <malloc.h>
#include <time.h>

#include "bench.hpp"
#include "env/clock.hpp"
#include "env/random.hpp"
#include "transport/credentials/development_pki.hpp"
#include "transport/quic/quic_client.hpp"
#include "transport/quic/quic_server.hpp"

namespace drumline::bench {

namespace {

using transport::CloseCode;
using transport::QuicClients;
using transport::QuicServer;
using transport::Session;

constexpr std::size_t kFrameBytes = 1100;

/// For how long to go on.
double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What is measured: this thread's processor time, so that busy neighbours do not count.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Holds what one end sends until the other end takes it. Its memory stays.
class Pipe final : public env::PacketBatch {
 public:
  explicit Pipe(const env::Address& from) : from_(from) {}
  MutableBytes space() override {
    if (used_ == packets_.size()) packets_.push_back(std::make_unique<Packet>());
    return packets_[used_]->bytes;
  }
  void commit(const env::Address&, std::size_t size, u8 ecn, u64) override {
    packets_[used_]->size = size;
    packets_[used_++]->ecn = ecn;
  }
  void flush() override {}

  std::span<const env::ReceivedPacket> take() {
    views_.clear();
    for (std::size_t i = 0; i < used_; ++i) {
      views_.push_back({from_, Bytes(packets_[i]->bytes).first(packets_[i]->size), packets_[i]->ecn});
    }
    used_ = 0;
    return views_;
  }

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

Figure figure(const char* name, double value, const char* unit, u64 n) {
  Figure made;
  made.name = name;
  made.value = value;
  made.unit = unit;
  made.n = n;
  return made;
}

class Listener final : public transport::SessionHandler {
 public:
  void on_open(Session& session) override { sessions.push_back(&session); }
  void on_reliable(Session&, Bytes) override {}
  void on_datagram(Session&, Bytes) override { ++datagrams; }
  void on_close(Session& session, CloseCode, std::string_view reason) override {
    last_reason = reason;
    std::erase(sessions, &session);
  }
  std::vector<Session*> sessions;
  std::string last_reason;
  u64 datagrams = 0;
};

struct Ends {
  static Result<std::unique_ptr<Ends>> make(const std::string& folder, std::size_t connections) {
    auto made = std::make_unique<Ends>();
    if (auto pki = transport::make_development_pki(folder); !pki) return std::move(pki).error();
    const transport::PkiPaths paths = transport::pki_paths(folder);
    transport::QuicServerOptions options;
    options.tls = {paths.ca_certificate, paths.server_certificate, paths.server_key};
    options.max_connections = options.max_half_open = options.retry_threshold = connections + 1;
    auto server = QuicServer::create(options, made->random, made->at_server, made->from_server);
    if (!server) return std::move(server).error();
    made->server = std::move(*server);
    auto credentials =
        transport::TlsCredentials::load({paths.ca_certificate, paths.client_certificate, paths.client_key});
    if (!credentials) return std::move(credentials).error();
    made->client.credentials = std::move(*credentials);
    made->clients =
        std::make_unique<QuicClients>(options.settings, made->random, made->at_clients, made->from_clients);
    return made;
  }

  /// One round: what the clients sent to the server, and its answers to them.
  /// Adds the server's share to `server_seconds`.
  bool exchange() {
    const auto up = from_clients.take();
    const double start = cpu_seconds();
    server->receive(up, server_address, now);
    if (server->deadline() <= now) server->on_timer(now);
    server->flush(now);
    server_seconds += cpu_seconds() - start;
    const auto down = from_server.take();
    const bool any = !up.empty() || !down.empty();
    clients->receive(down, client_address, now);
    if (clients->deadline() <= now) clients->on_timer(now);
    clients->flush(now);
    return any;
  }

  Result<Session*> connect() {
    auto session = clients->connect(server_address, client_address, client, now);
    if (!session) return session;
    clients->flush(now);
    const std::size_t before = at_clients.sessions.size();
    for (int round = 0; round < 16 && at_clients.sessions.size() == before; ++round) exchange();
    if (at_clients.sessions.size() == before) {
      return Error{ErrorCode::internal, "the handshake did not come to an end: " + at_clients.last_reason};
    }
    return session;
  }

  env::SystemRandom random;
  env::Address server_address = *env::parse_address("127.0.0.1:7777");
  env::Address client_address = *env::parse_address("127.0.0.1:40000");
  Pipe from_server{server_address};
  Pipe from_clients{client_address};
  Listener at_server, at_clients;
  QuicClients::ClientOptions client;
  TimeNs now = kSecondNs;
  double server_seconds = 0;
  std::unique_ptr<QuicServer> server;
  std::unique_ptr<QuicClients> clients;
};

Result<void> measure_handshakes(const Options& options, const Report& report) {
  auto made = Ends::make(options.folder, 4096);
  if (!made) return std::move(made).error();
  Ends& ends = **made;
  u64 count = 0;
  const double start = wall_seconds();
  const double cpu_start = cpu_seconds();
  while (wall_seconds() - start < options.seconds) {
    auto session = ends.connect();
    if (!session) return std::move(session).error();
    (*session)->close(CloseCode::none, "");
    ends.clients->flush(ends.now);
    while (ends.exchange()) {
    }
    ends.now += kMillisecondNs;
    ++count;
  }
  const double both = cpu_seconds() - cpu_start;
  const double n = static_cast<double>(count);
  report(figure("handshake/full", n / ends.server_seconds, "1/s", count));
  report(figure("handshake/both_ends", both / n * 1e6, "us", count));
  return {};
}

/// Bare AES-128-GCM over as many bytes: what sealing cannot be cheaper than.
double bare_seal_us(double seconds) {
  std::array<u8, 16> key{};
  std::array<u8, 12> nonce{};
  std::vector<u8> plain(kFrameBytes), sealed(kFrameBytes + 16);
  gnutls_datum_t key_datum{key.data(), key.size()};
  gnutls_aead_cipher_hd_t cipher = nullptr;
  if (gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key_datum) < 0) return 0;
  u64 count = 0;
  const double start = cpu_seconds();
  double elapsed = 0;
  do {
    for (int i = 0; i < 1000; ++i) {
      ++nonce[static_cast<std::size_t>(i) % nonce.size()];
      std::size_t size = sealed.size();
      if (gnutls_aead_cipher_encrypt(cipher, nonce.data(), nonce.size(), key.data(), 13, 16, plain.data(),
                                     plain.size(), sealed.data(), &size) < 0) {
        break;
      }
    }
    count += 1000;
    elapsed = cpu_seconds() - start;
  } while (elapsed < seconds);
  gnutls_aead_cipher_deinit(cipher);
  return elapsed / static_cast<double>(count) * 1e6;
}

Result<void> measure_sessions(const Options& options, const Report& report) {
  const std::size_t connections = options.players == 0 ? 500 : options.players;
  auto made = Ends::make(options.folder, connections);
  if (!made) return std::move(made).error();
  Ends& ends = **made;

  // One connection more than are counted, so that what is made once is not counted.
  // The memory is both ends'; the server's share is told apart by size of use below.
  if (auto first = ends.connect(); !first) return std::move(first).error();
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 1; i < connections; ++i) {
    if (auto session = ends.connect(); !session) return std::move(session).error();
  }
  for (int i = 0; i < 100; ++i) {
    ends.now += kTickNs;
    ends.exchange();
  }
  const double both_ends =
      static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(connections - 1);
  report(figure("handshake/idle_memory", both_ends / 2 / 1024, "KiB", connections));

  std::vector<std::byte> frame(kFrameBytes, std::byte{0x5a});
  double sealing = 0, opening = 0, acknowledging = 0;
  u64 sent = 0, refused = 0;
  const double start = wall_seconds();
  const u64 opened_before = ends.at_clients.datagrams;
  while (wall_seconds() - start < options.seconds) {
    ends.now += kTickNs;
    ends.server->advance(ends.now);
    const double at_send = cpu_seconds();
    for (Session* session : ends.at_server.sessions) {
      if (session->send_datagram(frame)) {
        ++sent;
      } else {
        ++refused;
      }
    }
    const double at_sent = cpu_seconds();
    ends.server->flush(ends.now);
    const auto down = ends.from_server.take();
    const double at_open = cpu_seconds();
    ends.clients->receive(down, ends.client_address, ends.now);
    ends.clients->flush(ends.now);
    if (ends.clients->deadline() <= ends.now) ends.clients->on_timer(ends.now);
    const double at_opened = cpu_seconds();
    const auto up = ends.from_clients.take();
    const double at_acknowledge = cpu_seconds();
    ends.server->receive(up, ends.server_address, ends.now);
    if (ends.server->deadline() <= ends.now) ends.server->on_timer(ends.now);
    ends.server->flush(ends.now);
    const double at_acknowledged = cpu_seconds();
    sealing += at_sent - at_send;
    opening += at_opened - at_open;
    acknowledging += at_acknowledged - at_acknowledge + (at_open - at_sent);
  }
  const double n = static_cast<double>(sent);
  Figure seal = figure("handshake/seal", sealing / n * 1e6, "us", sent);
  seal.rival = Figure::Rival{"aes-128-gcm", bare_seal_us(options.seconds / 4)};
  report(seal);
  report(figure("handshake/server_upkeep", acknowledging / n * 1e6, "us", sent));
  const u64 opened = ends.at_clients.datagrams - opened_before;
  report(figure("handshake/open_and_acknowledge", opening / static_cast<double>(opened) * 1e6, "us", opened));
  report(figure("handshake/datagrams_refused", static_cast<double>(refused), "", sent));
  return {};
}

}  // namespace

Result<void> run_handshake(const Options& options, const Report& report) {
  if (auto done = measure_handshakes(options, report); !done) return done;
  return measure_sessions(options, report);
}

}  // namespace drumline::bench
