// The clients of `bench idle`, in a process of their own: so many QUIC connections that come in as
// fast as the server takes them, say one Hello for a battle that does not exist, and then nothing more.
#include <poll.h>

#include "bench.hpp"
#include "bench/quic_ends.hpp"
#include "bench/server_figures.hpp"
#include "env/clock.hpp"
#include "wire/messages.hpp"

namespace drumline::bench {
namespace {

using transport::QuicClients;
using transport::Session;

/// Handshakes under way at a time: fewer than a server with defaults asks for Retry at.
constexpr std::size_t kWindow = 64;
constexpr int kSockets = 8;
constexpr u64 kNoSuchBattle = 0xFFFF'FFFF'FFFF;

/// Says Hello. A session that outlives its battle stays when it is refused.
class Visitor final : public transport::SessionHandler {
 public:
  Visitor() {
    wire::Hello hello;
    hello.battle = BattleId{kNoSuchBattle};
    hello.keeps_session = true;
    wire::encode_message(wire::ClientMessage{hello}, hello_);
  }
  void on_open(Session& session) override {
    ++open;
    session.send_reliable(hello_);
  }
  void on_reliable(Session&, Bytes bytes) override { bytes_heard += bytes.size(); }
  void on_datagram(Session&, Bytes) override {}
  void on_close(Session&, transport::CloseCode, std::string_view reason) override {
    ++closed;
    last_reason = reason;
  }
  std::size_t open = 0;    ///< ever
  std::size_t closed = 0;  ///< of those, and of those that never were
  u64 bytes_heard = 0;
  std::string last_reason;

 private:
  std::vector<std::byte> hello_;
};

struct Port {
  std::unique_ptr<env::DatagramSocket> socket;
  std::unique_ptr<QuicClients> clients;
};

void work(Port& port, const env::Clock& clock) {
  port.clients->advance(clock.now());
  for (auto packets = port.socket->receive(); !packets.empty(); packets = port.socket->receive())
    port.clients->receive(packets, port.socket->local(), clock.now());
  const TimeNs now = clock.now();
  if (port.clients->deadline() <= now) port.clients->on_timer(now);
  port.clients->flush(now);
  port.socket->batch().flush();
}

}  // namespace

Result<void> run_hold(const Options& options, const Report& report) {
  const auto server = env::parse_address(options.connect);
  if (!server) return server.error();
  auto client = client_options(options.pki);
  if (!client) return std::move(client).error();
  transport::QuicSettings settings;
  settings.idle_timeout_ns = static_cast<i64>(options.idle_timeout_s) * kSecondNs;
  // Only the server's keep connections alive.
  settings.keep_alive_ns = 0;
  const env::SystemClock clock;
  env::SystemRandom random;
  Visitor visitor;
  const auto network = env::make_system_network();
  std::array<Port, kSockets> ports;
  std::array<pollfd, kSockets> waited{};
  for (std::size_t i = 0; i < ports.size(); ++i) {
    auto socket = network->bind(*env::parse_address("127.0.0.1:0"), {.coalesce = true});
    if (!socket) return std::move(socket).error();
    ports[i].socket = std::move(*socket);
    ports[i].clients = std::make_unique<QuicClients>(settings, random, visitor, ports[i].socket->batch());
    waited[i] = {ports[i].socket->descriptor(), POLLIN, 0};
  }

  const std::size_t count = options.count;
  std::size_t begun = 0;
  const double start = wall_seconds();
  bool told = false;
  while (!options.stopped()) {
    while (begun < count && begun - visitor.open - visitor.closed < kWindow) {
      Port& port = ports[begun++ % ports.size()];
      if (auto session = port.clients->connect(*server, port.socket->local(), *client, clock.now()); !session)
        return session.error();
    }
    TimeNs next = clock.now() + 100 * kMillisecondNs;
    for (Port& port : ports) {
      work(port, clock);
      next = std::min(next, port.clients->deadline());
    }
    if (!told && visitor.open + visitor.closed >= count) {
      told = true;
      const double n = static_cast<double>(visitor.open);
      report(plain("hold/open", n, "count"));
      report(plain("hold/seconds", wall_seconds() - start, "s"));
      report(plain("hold/cpu", thread_cpu_seconds() * 1e6 / n, "us"));
    }
    // Rounded up: a timer may be a little late, and the server needs the processor more.
    const i64 wait_ms = std::clamp<i64>((next - clock.now() + kMillisecondNs - 1) / kMillisecondNs, 0, 100);
    ::poll(waited.data(), waited.size(), static_cast<int>(wait_ms));
  }
  report(plain("hold/lost", static_cast<double>(visitor.closed), "count"));
  if (visitor.closed > 0) return Error{ErrorCode::internal, "a connection was lost: " + visitor.last_reason};
  return {};
}

}  // namespace drumline::bench
