// The tick: its step by itself, and in a running server with real clients.
#include <nlohmann/json.hpp>

#include "arena_load.hpp"
#include "bench/bench.hpp"
#include "bench/child_process.hpp"
#include "bench/raw_send.hpp"
#include "env/clock.hpp"
#include "env/thread.hpp"
#include "server/server.hpp"
#include "server_figures.hpp"
#include "telemetry/process_stats.hpp"
#include "world/hash.hpp"

namespace drumline::bench {
namespace {

Result<void> measure_step(const Options& options, const Report& report) {
  auto load = ArenaLoad::make(options.players != 0 ? options.players : 1000);
  if (!load) return std::move(load).error();
  const env::SystemClock clock;
  Histogram step_ns;
  const TimeNs end = clock.now() + static_cast<TimeNs>(options.seconds * 1e9);
  u64 hash = 0;
  while (clock.now() < end) {
    (*load)->command();
    const TimeNs begun = clock.now();
    (*load)->step();
    hash ^= world::hash_world((*load)->rules().world()).combined;
    step_ns.record(static_cast<u64>(clock.now() - begun));
  }
  Figure figure = distribution("tick/step", "ns", step_ns, 1.0 / (*load)->players());
  // Printing the hash keeps the compiler from dropping it.
  if (hash == 0) figure.n = 0;
  report(figure);
  return {};
}

}  // namespace

Result<void> run_tick(const Options& options, const Report& report) {
  if (auto stepped = measure_step(options, report); !stepped) return stepped;

  const u32 players = options.players != 0 ? options.players : 1000;
  config::Sources sources;
  sources.flags = {{"bench", "listen.port", "0"},
                   {"bench", "listen.admin_port", "0"},
                   {"bench", "battle.max_players", std::to_string(players + 8)},
                   {"bench", "gateway.max_sessions", std::to_string(players + 8)}};
  auto configuration = config::load_or_explain(sources);
  if (!configuration) return std::move(configuration).error();
  server::ServerOptions node;
  node.configuration = std::move(*configuration);
  node.data = options.folder + "/data";
  node.games = options.games;
  auto server = server::Server::start(std::move(node));
  if (!server) return std::move(server).error();
  // A player's memory is what comes on top of a server without any.
  const auto idle = telemetry::read_process_stats();

  auto bots = ChildProcess::start(
      kThisBinary, {"bots", "--connect", "quic://" + (*server)->report().quic.to_string(), "--count",
                    std::to_string(players), "--pki", (*server)->report().pki_folder, "--json",
                    "--measure-from-seated", "--clients-per-port", std::to_string(options.clients_per_port),
                    "--seconds", std::to_string(options.seconds + 6)});
  if (!bots) return std::move(bots).error();
  const env::SystemClock clock;
  const TimeNs patience = clock.now() + 120 * kSecondNs;
  const Gauge& seated = (*server)->battles().shards().front().battles->players;
  while (seated.value() < i64{players}) {
    if (clock.now() > patience) {
      return Error{ErrorCode::timeout, "only " + std::to_string(seated.value()) + " of " +
                                           std::to_string(players) + " bots were seated within 120 s"};
    }
    if (options.stop != nullptr && options.stop->load() != 0) return {};
    env::sleep_until(clock.now() + 20 * kMillisecondNs);
  }
  // Joining is not the steady state: what it allocated and delayed is not counted.
  env::sleep_until(clock.now() + 3 * kSecondNs);
  const Moment before = look(**server);
  env::sleep_until(clock.now() + static_cast<TimeNs>(options.seconds * 1e9));
  const Moment after = look(**server);
  const auto resident = telemetry::read_process_stats();

  report(distribution("tick/lateness", "us", after.lateness_ns.since(before.lateness_ns), 1e-3));
  // Every tick number is run: the only way to leave time out is a shift of the schedule.
  report(plain("tick/skipped", static_cast<double>(after.shifts - before.shifts), "count"));
  Figure allocations =
      plain("tick/allocations", static_cast<double>(after.allocations - before.allocations), "count");
  allocations.n = after.ticks - before.ticks;
  report(allocations);
  report(distribution("tick/commit", "us", after.commit_ns.since(before.commit_ns), 1e-3));
  report(distribution("tick/schedule", "us", after.schedule_ns.since(before.schedule_ns), 1e-3));

  const auto frames = static_cast<double>(after.frames - before.frames);
  const double frame_bytes =
      frames > 0 ? static_cast<double>(after.frame_bytes - before.frame_bytes) / frames : 0;
  const double rate = frames / options.seconds;
  report(plain("tick/client_frames", rate, "1/s"));
  report(plain("tick/frame_bytes", frame_bytes, "B"));
  report(plain("tick/frames_dropped", static_cast<double>(after.dropped - before.dropped), "count"));
  Figure cpu = plain("tick/server_cpu", frames > 0 ? (after.cpu_s - before.cpu_s) * 1e6 / frames : 0, "us");
  // What QUIC adds to a datagram: short header 1 + 8, packet number 2, frame 3, tag 16.
  const auto raw =
      measure_raw_send(static_cast<std::size_t>(frame_bytes) + 30, 64, rate, std::min(options.seconds, 3.0));
  if (!raw) return raw.error();
  cpu.rival = Figure::Rival{"sendmmsg", raw->sender_us};
  report(cpu);
  if (idle && resident) {
    report(plain("tick/memory",
                 (static_cast<double>(resident->resident_bytes) - static_cast<double>(idle->resident_bytes)) /
                     1024 / players,
                 "KiB"));
    report(plain("tick/resident", static_cast<double>(resident->resident_bytes) / (1 << 20), "MiB"));
  }

  while (const auto line = bots->read_line(20'000)) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (!json.is_object()) continue;
    if (json.contains("interarrival_ms")) {
      Figure interarrival = plain("tick/interarrival", json["interarrival_ms"].value("mean", 0.0), "ms");
      interarrival.p50 = json["interarrival_ms"].value("p50", 0.0);
      interarrival.p99 = json["interarrival_ms"].value("p99", 0.0);
      interarrival.p999 = json["interarrival_ms"].value("p999", 0.0);
      report(interarrival);
    }
    if (json.contains("delivered")) report(plain("tick/delivered", json.value("delivered", 0.0), "share"));
    if (json.contains("entities_per_frame"))
      report(plain("tick/entities_per_frame", json.value("entities_per_frame", 0.0), "count"));
    if (json.contains("cpu_us_per_frame"))
      report(plain("tick/bots_cpu", json.value("cpu_us_per_frame", 0.0), "us"));
  }
  bots->wait();
  (*server)->stop(0);
  return {};
}

}  // namespace drumline::bench
