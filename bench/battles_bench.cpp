// Many small battles on one node: duels with two real clients each, and what it costs to
// make battles and to end them.
#include <deque>

#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "bench/bench.hpp"
#include "bench/child_process.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "env/thread.hpp"
#include "server/server.hpp"
#include "server_figures.hpp"
#include "telemetry/process_stats.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kDefaultDuels = 3600;
constexpr u32 kChurned = 10'000;
/// Until the heap has seen its most: what is still more after that would grow for ever.
constexpr u32 kWarmUp = 10'000;
constexpr u32 kInFlight = 256;
constexpr u32 kSeatingSeconds = 180;

Result<std::unique_ptr<server::Server>> start(const Options& options, const std::string& folder,
                                              std::vector<config::Sources::Flag> flags) {
  config::Sources sources;
  sources.flags = {{"bench", "listen.port", "0"},
                   {"bench", "listen.admin_port", "0"},
                   {"bench", "battle.game", "duel"},
                   {"bench", "battle.max_players", "2"}};
  for (config::Sources::Flag& flag : flags) sources.flags.push_back(std::move(flag));
  auto configuration = config::load_or_explain(sources);
  if (!configuration) return std::move(configuration).error();
  server::ServerOptions node;
  node.configuration = std::move(*configuration);
  node.data = options.folder + folder;
  node.games = options.games;
  return server::Server::start(std::move(node));
}

u64 resident_kib() {
  const auto process = telemetry::read_process_stats();
  return process ? process->resident_bytes / 1024 : 0;
}

/// Makes `count` battles and ends them, some hundred at a time.
Result<void> churn(server::Server& server, const Options& options, u32 count) {
  std::deque<std::future<Result<BattleId>>> coming;
  for (u32 made = 0; made < count || !coming.empty();) {
    if (options.stopped()) return {};
    if (made < count && coming.size() < kInFlight) {
      coming.push_back(server.control().create());
      ++made;
      continue;
    }
    auto id = coming.front().get();
    coming.pop_front();
    if (!id) return std::move(id).error();
    if (auto ended = server.control().dispose(*id, "churn"); !ended) return ended;
  }
  const env::SystemClock clock;
  const TimeNs patience = clock.now() + 30 * kSecondNs;
  while (server.directory().size() > 1) {
    if (clock.now() > patience) return Error{ErrorCode::timeout, "battles did not end within 30 s"};
    env::sleep_until(clock.now() + 5 * kMillisecondNs);
  }
  return {};
}

Result<void> measure_churn(const Options& options, const Report& report) {
  auto server = start(options, "/churn", {{"bench", "battle.most", std::to_string(4 * kInFlight)}});
  if (!server) return std::move(server).error();
  if (auto warm = churn(**server, options, kWarmUp); !warm) return warm;
  const u64 before = resident_kib();
  const server::PipelineCounters& counters = *(*server)->battles().shards().front().battles;
  const Histogram make = (*server)->control().make_ns(), install = counters.install_ns, end = counters.end_ns;
  const Moment begun = look(**server);
  if (auto done = churn(**server, options, kChurned); !done) return done;
  const Moment passed = look(**server).since(begun);
  const u64 after = resident_kib();
  Figure create = distribution("battles/create", "us", (*server)->control().make_ns().since(make), 1e-3);
  create.value += counters.install_ns.since(install).mean() * 1e-3;
  report(create);
  report(distribution("battles/install", "us", counters.install_ns.since(install), 1e-3));
  report(distribution("battles/end", "us", counters.end_ns.since(end), 1e-3));
  // With all its parts, on whichever thread: journaling and taking apart included.
  report(plain("battles/create_and_end_cpu", passed.cpu_s * 1e6 / kChurned, "us"));
  report(plain("battles/memory_growth", static_cast<double>(after) - static_cast<double>(before), "KiB"));
  (*server)->stop(0);
  return {};
}

}  // namespace

Result<void> run_battles(const Options& options, const Report& report) {
  if (auto churned = measure_churn(options, report); !churned || options.stopped()) return churned;

  const u32 duels = options.count != 0 ? options.count : kDefaultDuels;
  // No match ends while it is measured: what ends and beginnings cost was measured above.
  const auto files = env::make_system_files();
  const std::string rules = options.folder + "/rules.toml";
  const std::string_view long_match = "[match]\nbest_of_rounds = 9\nround_ms = 600000\n";
  if (auto written = env::write_file_atomic(*files, rules, as_bytes(long_match)); !written) return written;
  const std::string count = std::to_string(duels), players = std::to_string(2 * duels);
  const u64 base_kib = resident_kib();
  auto server = start(options, "/duels",
                      {{"bench", "battle.count", count},
                       {"bench", "battle.send_hz", "20"},
                       {"bench", "battle.rules_file", rules},
                       {"bench", "gateway.max_sessions", std::to_string(2 * duels + 64)}});
  if (!server) return std::move(server).error();
  const env::SystemClock clock;
  const TimeNs patience = clock.now() + kSeatingSeconds * kSecondNs;
  while ((*server)->directory().size() < duels) {
    if (clock.now() > patience) return Error{ErrorCode::timeout, "not all battles run after 180 s"};
    env::sleep_until(clock.now() + 20 * kMillisecondNs);
  }
  report(plain("battles/empty_memory", static_cast<double>(resident_kib() - base_kib) / duels, "KiB"));
  auto bots = ChildProcess::start(
      kThisBinary,
      {"bots", "--game", "duel", "--connect", "quic://" + (*server)->report().quic.to_string(), "--count",
       players, "--pki", (*server)->report().pki_folder, "--json", "--measure-from-seated",
       "--clients-per-port", std::to_string(options.clients_per_port), "--seconds",
       std::to_string(options.seconds + 6), "--give-up", std::to_string(kSeatingSeconds)});
  if (!bots) return std::move(bots).error();
  const auto seated = [&] {
    i64 all = 0;
    for (const auto& shard : (*server)->battles().shards()) all += shard.battles->players.value();
    return all;
  };
  // Too many for this machine is a figure, too: those that found a seat are measured.
  while (seated() < i64{2} * duels && clock.now() < patience) {
    if (options.stopped()) return {};
    if (bots->ended()) return Error{ErrorCode::internal, "the bots ended before all were seated"};
    env::sleep_until(clock.now() + 20 * kMillisecondNs);
  }
  // Joining is not the steady state.
  env::sleep_until(clock.now() + 3 * kSecondNs);
  const Moment before = look(**server);
  env::sleep_until(clock.now() + static_cast<TimeNs>(options.seconds * 1e9));
  const Moment passed = look(**server).since(before);

  report(plain("battles/seated", static_cast<double>(seated()), "count"));
  report(plain("battles/count", static_cast<double>((*server)->directory().size()), "count"));
  report(distribution("battles/lateness", "us", passed.lateness_ns, 1e-3));
  report(distribution("battles/tick_work", "us", passed.work_ns, 1e-3));
  report(plain("battles/skipped", static_cast<double>(passed.shifts), "count"));
  Figure allocations = plain("battles/allocations", static_cast<double>(passed.allocations), "count");
  allocations.n = passed.ticks;
  report(allocations);
  report(distribution("battles/commit", "us", passed.commit_ns, 1e-3));
  report(plain("battles/client_frames", static_cast<double>(passed.frames) / options.seconds, "1/s"));
  report(plain("battles/frame_bytes", passed.bytes_per_frame(), "B"));
  report(plain("battles/server_cpu", passed.cpu_us_per_frame(), "us"));
  report(plain("battles/memory", static_cast<double>(resident_kib() - base_kib) / duels, "KiB"));
  while (const auto line = bots->read_line(20'000)) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (!json.is_object()) continue;
    if (json.contains("delivered")) report(plain("battles/delivered", json.value("delivered", 0.0), "share"));
    if (json.contains("cpu_us_per_frame"))
      report(plain("battles/bots_cpu", json.value("cpu_us_per_frame", 0.0), "us"));
  }
  bots->wait();
  (*server)->stop(0);
  return {};
}

}  // namespace drumline::bench
