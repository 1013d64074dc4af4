// From kill -9 to a running battle, with the demo's load.
#include <csignal>

#include <nlohmann/json.hpp>

#include "base/histogram.hpp"
#include "bench/bench.hpp"
#include "bench/child_process.hpp"
#include "env/clock.hpp"
#include "env/thread.hpp"

namespace drumline::bench {
namespace {

/// Reads lines up to the one that says ready.
Result<nlohmann::json> await_ready(ChildProcess& server) {
  while (const auto line = server.read_line(20'000)) {
    auto json = nlohmann::json::parse(*line, nullptr, false);
    if (json.is_object() && json.value("event", "") == "ready") return json;
  }
  return Error{ErrorCode::timeout, "the server did not say that it is ready within 20 s"};
}

}  // namespace

Result<void> run_recovery(const Options& options, const Report& report) {
  const u32 players = options.players != 0 ? options.players : 300;
  const env::SystemClock clock;
  Histogram recovery_us;
  std::string port = "0";
  const auto serve = [&] {
    return ChildProcess::start(kThisBinary, {"serve", "--data", options.folder + "/data", "--port", port,
                                             "--admin-port", "0", "--json", "--log-level", "error"});
  };
  std::optional<ChildProcess> bots;
  constexpr int kKills = 10;
  for (int kill = 0; kill <= kKills; ++kill) {
    auto server = serve();
    if (!server) return std::move(server).error();
    const auto ready = await_ready(*server);
    if (!ready) return ready.error();
    if (kill > 0) recovery_us.record(static_cast<u64>(ready->value("recovery_ms", 0.0) * 1000));
    port = std::to_string(ready->value("port", 0));
    if (!bots) {
      auto started = ChildProcess::start(
          kThisBinary, {"bots", "--connect", "quic://127.0.0.1:" + port, "--count", std::to_string(players),
                        "--pki", options.folder + "/data/pki", "--quiet"});
      if (!started) return std::move(started).error();
      bots.emplace(std::move(*started));
    }
    env::sleep_until(clock.now() + static_cast<TimeNs>(options.seconds * 1e9) + 700 * kMillisecondNs * kill);
    if (options.stopped()) break;
    server->signal(SIGKILL);
    server->wait();
  }
  Figure figure;
  figure.name = "recovery/battle";
  figure.unit = "ms";
  figure.value = recovery_us.mean() / 1000;
  figure.p50 = static_cast<double>(recovery_us.percentile(50)) / 1000;
  figure.p99 = static_cast<double>(recovery_us.percentile(99)) / 1000;
  figure.n = recovery_us.count();
  report(figure);
  if (bots) {
    bots->signal(SIGINT);
    bots->wait();
  }
  return {};
}

}  // namespace drumline::bench
