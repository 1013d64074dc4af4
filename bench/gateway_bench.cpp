// What a gateway's sends cost against the kernel's limit: frames sealed and handed over to sessions on
// loopback sockets as fast as one thread can, bulk on the reliable stream, io_uring in place of
// sendmmsg, and QUIC's settings one by one.
#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

#include <poll.h>

#include "base/log.hpp"
#include "bench/bench.hpp"
#include "bench/quic_ends.hpp"
#include "bench/raw_send.hpp"
#include "bench/raw_uring.hpp"
#include "env/clock.hpp"
#include "server_figures.hpp"

namespace drumline::bench {
namespace {

using transport::QuicSettings;
using transport::Session;

constexpr std::size_t kFrameBytes = 1100;
// Short header, packet number, frame head and tag.
constexpr std::size_t kPacketBytes = kFrameBytes + 30;
constexpr u32 kDefaultSessions = 256;
constexpr u32 kSessionsPerPort = 128;
constexpr u32 kRawSockets = 64;
constexpr double kRawPacketsPerSecond = 150'000;
constexpr double kConnectSeconds = 30;
constexpr u32 kTurns = 7;

/// Clients on sockets of their own, in a thread of their own.
class SocketClients {
 public:
  SocketClients(env::Network& network, const transport::QuicClients::ClientOptions& client, u32 count,
                const env::Address& server)
      : client_(client), count_(count), server_(server) {
    env::Network::BindOptions options;
    options.coalesce = true;
    for (u32 i = 0; i < count; i += kSessionsPerPort) {
      auto socket = network.bind(*env::parse_address("127.0.0.1:0"), options);
      if (!socket) continue;
      Port& port = ports_.emplace_back();
      port.socket = std::move(*socket);
      port.clients = std::make_unique<transport::QuicClients>(QuicSettings{}, random_, port.listener,
                                                              port.socket->batch());
    }
  }
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  ~SocketClients() {
    done_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  u64 datagrams() const { return datagrams_.load(); }
  u64 reliable_bytes() const { return reliable_bytes_.load(); }

 private:
  struct Port {
    std::unique_ptr<env::DatagramSocket> socket;
    Listener listener;
    std::unique_ptr<transport::QuicClients> clients;
  };

  void run() {
    std::vector<pollfd> waiting;
    for (const Port& port : ports_) waiting.push_back({port.socket->descriptor(), POLLIN, 0});
    u32 connected = 0;
    while (!done_.load()) {
      // A few at a time, so that no handshake waits for long.
      for (u32 i = 0; i < 4 && connected < count_; ++i, ++connected) {
        Port& port = ports_[connected / kSessionsPerPort];
        (void)port.clients->connect(server_, port.socket->local(), client_, clock_.now());
      }
      ::poll(waiting.data(), waiting.size(), 1);
      u64 datagrams = 0, bytes = 0;
      for (Port& port : ports_) {
        const TimeNs now = clock_.now();
        const auto packets = port.socket->receive();
        if (!packets.empty()) port.clients->receive(packets, port.socket->local(), now);
        if (port.clients->deadline() <= now) port.clients->on_timer(now);
        port.clients->flush(now);
        port.socket->batch().flush();
        datagrams += port.listener.datagrams;
        bytes += port.listener.reliable_bytes;
      }
      datagrams_.store(datagrams);
      reliable_bytes_.store(bytes);
    }
  }

  env::SystemClock clock_;
  env::SystemRandom random_;
  transport::QuicClients::ClientOptions client_;
  u32 count_;
  env::Address server_;
  std::deque<Port> ports_;
  std::atomic<bool> done_{false};
  std::atomic<u64> datagrams_{0}, reliable_bytes_{0};
  std::thread thread_;
};

/// A server on a socket, driven by this thread.
struct SocketServer {
  static Result<std::unique_ptr<SocketServer>> make(const std::string& folder, u32 sessions) {
    auto made = std::make_unique<SocketServer>();
    auto options = server_options(folder, sessions);
    if (!options) return std::move(options).error();
    options->settings.reliable_send_bytes = 4 << 20;
    auto socket = made->network->bind(*env::parse_address("127.0.0.1:0"), {});
    if (!socket) return std::move(socket).error();
    made->socket = std::move(*socket);
    auto quic = transport::QuicServer::create(*options, made->random, made->listener, made->socket->batch());
    if (!quic) return std::move(quic).error();
    made->quic = std::move(*quic);
    auto client = client_options(folder);
    if (!client) return std::move(client).error();
    made->clients = std::make_unique<SocketClients>(*made->network, *client, sessions, made->socket->local());
    made->clients->start();
    const double patience = wall_seconds() + kConnectSeconds;
    while (made->listener.sessions.size() < sessions) {
      if (wall_seconds() > patience)
        return Error{ErrorCode::internal,
                     "only " + std::to_string(made->listener.sessions.size()) + " sessions came to be"};
      made->turn();
    }
    return made;
  }

  /// Takes what came, and writes what is due.
  void turn() {
    const TimeNs now = clock.now();
    const auto packets = socket->receive();
    if (!packets.empty()) quic->receive(packets, socket->local(), now);
    if (quic->deadline() <= now) quic->on_timer(now);
    quic->flush(now);
    socket->batch().flush();
  }

  env::SystemClock clock;
  env::SystemRandom random;
  Listener listener;
  std::unique_ptr<env::Network> network = env::make_system_network();
  std::unique_ptr<env::DatagramSocket> socket;
  std::unique_ptr<transport::QuicServer> quic;
  std::unique_ptr<SocketClients> clients;
};

double median(std::vector<double> of) {
  if (of.empty()) return 0;
  const auto middle = of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2);
  std::nth_element(of.begin(), middle, of.end());
  return *middle;
}

Figure against(const char* name, double us, const char* rival, double rival_us) {
  Figure figure = plain(name, us, "us");
  figure.rival = Figure::Rival{rival, rival_us};
  return figure;
}

Result<void> measure_frames(const Options& options, const Report& report) {
  const u32 sessions = options.players == 0 ? kDefaultSessions : options.players;
  auto made = SocketServer::make(options.folder, sessions);
  if (!made) return std::move(made).error();
  SocketServer& server = **made;
  const std::vector<std::byte> frame(kFrameBytes, std::byte{0x5a});
  u64 sent = 0, refused = 0;
  const u64 before = server.clients->datagrams();
  const double cpu = thread_cpu_seconds();
  const double begun = wall_seconds();
  // As fast as the clients take it: they hold a core of their own.
  while (wall_seconds() - begun < options.seconds && !options.stopped()) {
    server.quic->advance(server.clock.now());
    auto& all = server.listener.sessions;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i + 1 < all.size()) all[i + 1]->prefetch();
      all[i]->send_datagram(frame) ? ++sent : ++refused;
    }
    server.turn();
    // What clients have not read yet fills their sockets, and would be lost.
    while (sent - (server.clients->datagrams() - before) > sessions &&
           wall_seconds() - begun < options.seconds)
      server.turn();
  }
  const double wall = wall_seconds() - begun;
  const double us = (thread_cpu_seconds() - cpu) * 1e6 / static_cast<double>(std::max<u64>(sent, 1));
  const u64 arrived = server.clients->datagrams() - before;
  report(plain("gateway/frames", static_cast<double>(arrived) / wall, "1/s"));
  report(plain("gateway/frames_refused", static_cast<double>(refused), "count"));
  const auto single = measure_raw_send(kPacketBytes, kRawSockets, kRawPacketsPerSecond, options.seconds);
  if (!single) return single.error();
  const auto trains = measure_raw_send(kPacketBytes, 1, kRawPacketsPerSecond, options.seconds);
  if (!trains) return trains.error();
  report(against("gateway/frame_cpu", us, "sendmmsg", single->sender_us));
  // Throughput of a core is one over its cost.
  report(plain("gateway/share_of_raw_limit", single->sender_us / us, "share"));
  report(plain("gateway/raw_trains_cpu", trains->sender_us, "us"));
  return {};
}

Result<void> measure_bulk(const Options& options, const Report& report) {
  auto made = SocketServer::make(options.folder, 1);
  if (!made) return std::move(made).error();
  SocketServer& server = **made;
  const std::vector<std::byte> piece(64 << 10, std::byte{0x5a});
  const u64 before = server.clients->reliable_bytes();
  u64 queued = 0;
  const double cpu = thread_cpu_seconds();
  const double begun = wall_seconds();
  while (wall_seconds() - begun < options.seconds && !options.stopped()) {
    if (server.listener.sessions.empty()) return Error{ErrorCode::internal, "the session was lost"};
    while (queued - (server.clients->reliable_bytes() - before) < (2U << 20)) {
      if (!server.listener.sessions.front()->send_reliable(piece)) break;
      queued += piece.size();
    }
    server.turn();
  }
  const double wall = wall_seconds() - begun;
  const double used = thread_cpu_seconds() - cpu;
  const auto bytes = static_cast<double>(server.clients->reliable_bytes() - before);
  const auto raw = measure_raw_send(1200, 1, kRawPacketsPerSecond, options.seconds);
  if (!raw) return raw.error();
  report(plain("gateway/bulk", bytes * 8e-9 / wall, "Gbit/s"));
  const double us_per_kb = used * 1e6 / (bytes / 1000);
  report(against("gateway/bulk_cpu_per_kB", us_per_kb, "sendmmsg with segmentation", raw->sender_us / 1.2));
  return {};
}

void measure_uring(const Options& options, const Report& report) {
  const double seconds = options.seconds / kTurns;
  const auto packets = static_cast<u64>(seconds * kRawPacketsPerSecond);
  std::vector<double> mmsg, plain_send, zero_copy;
  for (u32 turn = 0; turn < kTurns && !options.stopped(); ++turn) {
    if (const auto raw = measure_raw_send(kPacketBytes, kRawSockets, kRawPacketsPerSecond, seconds); raw)
      mmsg.push_back(raw->sender_us);
    for (const auto& [how, into] :
         {std::pair{UringSend::plain, &plain_send}, std::pair{UringSend::zero_copy, &zero_copy}}) {
      const auto us = measure_uring_send(how, kPacketBytes, kRawSockets, packets);
      if (!us) return log_warning("{}", us.error().message);
      into->push_back(*us);
    }
  }
  report(against("gateway/io_uring_send", median(plain_send), "sendmmsg", median(mmsg)));
  report(against("gateway/io_uring_send_zc", median(zero_copy), "sendmmsg", median(mmsg)));
}

double median(const std::vector<DatagramCosts>& of, double DatagramCosts::*figure) {
  std::vector<double> values;
  for (const DatagramCosts& costs : of) values.push_back(costs.*figure);
  return median(std::move(values));
}

Result<void> measure_settings(const Options& options, const Report& report) {
  struct Variant {
    const char* name;
    QuicSettings settings;
    std::size_t bytes = kFrameBytes;
    std::unique_ptr<Ends> ends{};
    std::vector<DatagramCosts> turns{};
  };
  std::vector<Variant> variants;
  variants.push_back({"as_shipped", {}});
  const auto vary = [&](const char* name, auto change) {
    Variant& variant = variants.emplace_back(Variant{name, {}});
    change(variant);
  };
  vary("acknowledge_every_2", [](Variant& v) { v.settings.acknowledge_every = 2; });
  vary("no_acknowledge_hold", [](Variant& v) {
    v.settings.acknowledge_hold_ns = 0;
    v.settings.max_ack_delay_ns = 25 * kMillisecondNs;
  });
  vary("bbr", [](Variant& v) { v.settings.congestion = transport::Congestion::bbr; });
  vary("half_the_bytes", [](Variant& v) { v.bytes = kFrameBytes / 2; });
  const std::size_t sessions = options.players == 0 ? 500 : options.players;
  for (Variant& variant : variants) {
    auto made = Ends::make(options.folder, sessions, variant.settings);
    if (!made) return std::move(made).error();
    variant.ends = std::move(*made);
    for (std::size_t i = 0; i < sessions; ++i) {
      if (auto session = variant.ends->connect(); !session) return std::move(session).error();
    }
  }
  // In turns, as what neighbours do to the caches changes from second to second.
  for (u32 turn = 0; turn < kTurns && !options.stopped(); ++turn) {
    for (Variant& variant : variants)
      variant.turns.push_back(measure_datagrams(*variant.ends, variant.bytes, options.seconds / kTurns));
  }
  for (const Variant& variant : variants) {
    const std::string prefix = std::string("gateway/quic/") + variant.name;
    report(plain((prefix + "/server").c_str(), median(variant.turns, &DatagramCosts::server_us), "us"));
    report(plain((prefix + "/client").c_str(), median(variant.turns, &DatagramCosts::client_us), "us"));
    report(plain((prefix + "/packets_back").c_str(), median(variant.turns, &DatagramCosts::packets_back),
                 "share"));
  }
  return {};
}

}  // namespace

Result<void> run_gateway(const Options& options, const Report& report) {
  if (auto done = measure_frames(options, report); !done) return done;
  if (auto done = measure_bulk(options, report); !done) return done;
  measure_uring(options, report);
  return measure_settings(options, report);
}

}  // namespace drumline::bench
