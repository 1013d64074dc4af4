#include "crowd.hpp"

#include <nlohmann/json.hpp>

#include "bench/child_process.hpp"
#include "bench/raw_send.hpp"
#include "env/clock.hpp"
#include "env/thread.hpp"
#include "telemetry/process_stats.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kSeatingSeconds = 120;
// Joining is not the steady state: what it allocated and delayed is not counted.
constexpr i64 kSettlingNs = 3 * kSecondNs;
// What QUIC adds to a datagram: short header 1 + 8, packet number 2, frame 3, tag 16.
constexpr std::size_t kQuicBytes = 30;
constexpr u32 kRawSockets = 64;

Result<std::unique_ptr<server::Server>> start_server(const Options& options, u32 players) {
  config::Sources sources;
  sources.flags = {{"bench", "listen.port", "0"},
                   {"bench", "listen.admin_port", "0"},
                   {"bench", "battle.max_players", std::to_string(players + 8)},
                   {"bench", "gateway.max_sessions", std::to_string(players + 8)}};
  auto configuration = config::load_or_explain(sources);
  if (!configuration) return std::move(configuration).error();
  server::ServerOptions node;
  node.configuration = std::move(*configuration);
  node.data = options.folder + "/crowd-" + std::to_string(players);
  node.games = options.games;
  return server::Server::start(std::move(node));
}

void read_report(const nlohmann::json& json, Crowd::Bots& bots) {
  const auto take = [&](const char* key, std::optional<double>& into) {
    if (json.contains(key)) into = json.value(key, 0.0);
  };
  take("seated_after_s", bots.seated_after_s);
  take("delivered", bots.delivered);
  take("entities_per_frame", bots.entities_per_frame);
  take("cpu_us_per_frame", bots.cpu_us);
  if (!json.contains("interarrival_ms")) return;
  const auto& times = json["interarrival_ms"];
  Figure& figure = bots.interarrival.emplace(plain("", times.value("mean", 0.0), "ms"));
  figure.p50 = times.value("p50", 0.0);
  figure.p99 = times.value("p99", 0.0);
  figure.p999 = times.value("p999", 0.0);
}

}  // namespace

Result<Crowd> measure_crowd(const Options& options, u32 players) {
  Crowd crowd;
  crowd.players = players;
  crowd.seconds = options.seconds;
  auto server = start_server(options, players);
  if (!server) return std::move(server).error();
  // A player's memory is what comes on top of a server without any.
  const auto idle = telemetry::read_process_stats();

  auto bots = ChildProcess::start(
      kThisBinary,
      {"bots", "--connect", "quic://" + (*server)->report().quic.to_string(), "--count",
       std::to_string(players), "--pki", (*server)->report().pki_folder, "--json", "--measure-from-seated",
       "--clients-per-port", std::to_string(options.clients_per_port), "--give-up",
       std::to_string(kSeatingSeconds), "--seconds", std::to_string(options.seconds + 6)});
  if (!bots) return std::move(bots).error();
  const env::SystemClock clock;
  const TimeNs patience = clock.now() + kSeatingSeconds * kSecondNs;
  const Gauge& seated = (*server)->battles().shards().front().battles->players;
  while (seated.value() < i64{players} && clock.now() < patience) {
    if (options.stopped()) return crowd;
    if (bots->ended()) return Error{ErrorCode::internal, "the bots ended before all were seated"};
    env::sleep_until(clock.now() + 20 * kMillisecondNs);
  }
  env::sleep_until(clock.now() + kSettlingNs);
  const Moment before = look(**server);
  env::sleep_until(clock.now() + static_cast<TimeNs>(options.seconds * 1e9));
  crowd.passed = look(**server).since(before);
  crowd.seated = static_cast<u32>(seated.value());
  const auto resident = telemetry::read_process_stats();
  if (idle && resident) {
    const double more =
        static_cast<double>(resident->resident_bytes) - static_cast<double>(idle->resident_bytes);
    crowd.memory_kib = more / 1024 / players;
    crowd.resident_mib = static_cast<double>(resident->resident_bytes) / (1 << 20);
  }
  const auto raw = measure_raw_send(static_cast<std::size_t>(crowd.passed.bytes_per_frame()) + kQuicBytes,
                                    kRawSockets, crowd.frames_per_s(), std::min(options.seconds, 3.0));
  if (!raw) return raw.error();
  crowd.raw_send_us = raw->sender_us;
  while (const auto line = bots->read_line(20'000)) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (json.is_object()) read_report(json, crowd.bots);
  }
  bots->wait();
  (*server)->stop(0);
  return crowd;
}

void report_crowd(const std::string& prefix, const Crowd& crowd, const Report& report) {
  const auto tell = [&](const char* name, Figure figure) {
    figure.name = prefix + name;
    report(figure);
  };
  const auto number = [&](const char* name, double value, const char* unit) {
    tell(name, plain("", value, unit));
  };
  const Moment& passed = crowd.passed;
  tell("lateness", distribution("", "us", passed.lateness_ns, 1e-3));
  // Every tick number is run: the only way to leave time out is a shift of the schedule.
  number("skipped", static_cast<double>(passed.shifts), "count");
  Figure allocations = plain("", static_cast<double>(passed.allocations), "count");
  allocations.n = passed.ticks;
  tell("allocations", allocations);
  tell("commit", distribution("", "us", passed.commit_ns, 1e-3));
  tell("schedule", distribution("", "us", passed.schedule_ns, 1e-3));
  number("client_frames", crowd.frames_per_s(), "1/s");
  number("frame_bytes", crowd.passed.bytes_per_frame(), "B");
  number("frames_dropped", static_cast<double>(passed.dropped), "count");
  Figure cpu = plain("", crowd.passed.cpu_us_per_frame(), "us");
  cpu.rival = Figure::Rival{"sendmmsg", crowd.raw_send_us};
  tell("server_cpu", cpu);
  if (crowd.resident_mib > 0) {
    number("memory", crowd.memory_kib, "KiB");
    number("resident", crowd.resident_mib, "MiB");
  }
  if (crowd.bots.seated_after_s) number("seated_after", *crowd.bots.seated_after_s, "s");
  if (crowd.bots.interarrival) tell("interarrival", *crowd.bots.interarrival);
  if (crowd.bots.delivered) number("delivered", *crowd.bots.delivered, "share");
  if (crowd.bots.entities_per_frame) number("entities_per_frame", *crowd.bots.entities_per_frame, "count");
  if (crowd.bots.cpu_us) number("bots_cpu", *crowd.bots.cpu_us, "us");
}

}  // namespace drumline::bench
