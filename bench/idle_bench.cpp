// Many connections at once on a whole server: how they come in while others play, and what those
// cost that then say nothing. The connections are another process's (`bench hold`), and so are players.
#include <csignal>
#include <map>

#include <dlfcn.h>
#include <fmt/format.h>
#include <malloc.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "bench/crowd.hpp"
#include "bench/heap_by_library.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kConnections = 20'000;
constexpr u32 kPlayers = 200;
constexpr double kJoinSeconds = 1200;  ///< for all of them; then there is something wrong

/// What is in use of the heap; not what it keeps for later.
double heap_bytes() {
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

/// Bytes in use by the library that asked for them; empty unless libheap_by_library.so is loaded.
std::map<std::string, i64> heap_by_library() {
  std::map<std::string, i64> all;
  const auto find = reinterpret_cast<HeapByLibrary*>(::dlsym(RTLD_DEFAULT, kHeapByLibrary));
  if (find == nullptr) return all;
  find([](void* into, const char* library,
          long bytes) { (*static_cast<std::map<std::string, i64>*>(into))[library] = bytes; },
       &all);
  return all;
}

u64 sessions(const server::Server& server) {
  u64 all = 0;
  for (const auto& gateway : server.gateways())
    all += static_cast<u64>(gateway->gateway_counters().sessions.value());
  return all;
}

Figure named(Figure figure, const char* name) {
  figure.name = name;
  return figure;
}

void report_play(const std::string& prefix, const Moment& passed, const std::vector<BotFigures>& players,
                 const Report& report) {
  const auto tell = [&](const char* name, Figure figure) {
    report(named(std::move(figure), (prefix + name).c_str()));
  };
  tell("lateness", distribution("", "us", passed.lateness_ns, 1e-3));
  tell("skipped", plain("", static_cast<double>(passed.shifts), "count"));
  tell("delivery", distribution("", "us", passed.delivery_ns, 1e-3));
  if (!players.empty() && players.front().interarrival) tell("interarrival", *players.front().interarrival);
  if (!players.empty() && players.front().delivered)
    tell("delivered", plain("", *players.front().delivered, "share"));
}

/// Players for a while, from the time that all have a seat.
class Play {
 public:
  static Result<Play> start(CrowdStage& stage, u32 players) {
    // Ended by us; the time is for when nobody does.
    if (auto added = stage.add_bots(players, 3600); !added) return std::move(added).error();
    auto all = stage.wait_until_seated(players);
    if (!all) return std::move(all).error();
    if (!*all) return Error{ErrorCode::unavailable, "not all players were given a seat in time"};
    stage.pass(2);
    return Play(stage);
  }
  void end(const std::string& prefix, const Report& report) {
    const Moment passed = look(stage_->server()).since(before_);
    stage_->end_bots();
    report_play(prefix, passed, stage_->finish(), report);
    const auto rung = static_cast<double>(stage_->server().overload().counters().rung.value());
    report(named(plain("", rung, "rung"), (prefix + "rung").c_str()));
  }
  const Moment& before() const { return before_; }

 private:
  explicit Play(CrowdStage& stage) : stage_(&stage), before_(look(stage.server())) {}
  CrowdStage* stage_;
  Moment before_;
};

/// The next figure of a child's that has this name.
Result<double> read_figure(ChildProcess& child, std::string_view name, double seconds) {
  while (const auto line = child.read_line(static_cast<int>(seconds * 1e3))) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (json.is_object() && json.value("name", "") == name) return json.value("value", 0.0);
  }
  return Error{ErrorCode::unavailable, fmt::format("the clients' process did not tell {}", name)};
}

}  // namespace

Result<void> run_idle(const Options& options, const Report& report) {
  const u32 count = options.count == 0 ? kConnections : options.count;
  const u32 players = options.players == 0 ? kPlayers : options.players;
  const u32 idle_s = static_cast<u32>(std::clamp(options.seconds / 2, 2.0, 30.0));
  auto started = CrowdStage::start(options, players,
                                   {{"gateway.max_sessions", std::to_string(count + 2 * players + 8)},
                                    // The seats of those who have just left may not be free yet.
                                    {"battle.max_players", std::to_string(2 * players + 8)},
                                    {"gateway.outside_timeout_s", "3600"},
                                    {"gateway.idle_timeout_s", std::to_string(idle_s)},
                                    {"gateway.keep_alive_s", std::to_string(idle_s / 2)}});
  if (!started) return std::move(started).error();
  CrowdStage& stage = **started;
  const env::SystemClock clock;
  const auto seconds_since = [&](TimeNs then) { return static_cast<double>(clock.now() - then) * 1e-9; };

  // ---- they come, while others play
  auto alone = Play::start(stage, players);
  if (!alone) return std::move(alone).error();
  TimeNs begun = clock.now();
  if (!stage.pass(std::min(options.seconds, 5.0))) return {};
  const double play_cpu = look(stage.server()).since(alone->before()).cpu_s / seconds_since(begun);
  alone->end("idle/before/", report);

  auto play = Play::start(stage, players);
  if (!play) return std::move(play).error();
  const double heap_before = heap_bytes();
  const auto libraries_before = heap_by_library();
  const auto resident_before = telemetry::read_process_stats();
  begun = clock.now();
  // Each of them is refused a battle, which the log would tell.
  set_log_level(LogLevel::error);
  const server::StartReport& server = stage.server().report();
  auto holder =
      ChildProcess::start(kThisBinary, {"--json", "bench", "hold", "--connect", server.quic.to_string(),
                                        "--pki", server.pki_folder, "--count", std::to_string(count),
                                        "--idle-timeout", std::to_string(idle_s)});
  if (!holder) return std::move(holder).error();
  const auto opened = read_figure(*holder, "hold/open", kJoinSeconds);
  if (!opened) return opened.error();
  const auto join_s = read_figure(*holder, "hold/seconds", 5);
  const auto client_us = read_figure(*holder, "hold/cpu", 5);
  if (!join_s || !client_us) return join_s ? client_us.error() : join_s.error();
  const double all_s = seconds_since(begun);
  const Moment joined = look(stage.server()).since(play->before());
  play->end("idle/join/", report);
  const double n = *opened;
  report(plain("idle/join/handshakes", n / *join_s, "1/s"));
  const double server_s = std::max(joined.cpu_s - play_cpu * all_s, 1e-9);
  report(plain("idle/join/handshakes_server", n / server_s, "1/s"));
  report(plain("idle/join/handshakes_both", n / (server_s + *client_us * n * 1e-6), "1/s"));

  const u64 handshakes_ns = joined.phase_ns[static_cast<std::size_t>(env::Phase::handshakes)];
  report(plain("idle/join/handshake", static_cast<double>(handshakes_ns) * 1e-3 / n, "us"));

  // ---- they say nothing
  if (!stage.pass(1)) return {};
  const double heap = heap_bytes() - heap_before;
  const auto libraries = heap_by_library();
  const auto resident = telemetry::read_process_stats();
  const auto there = static_cast<double>(sessions(stage.server()));
  report(plain("idle/sessions", n, "count"));
  if (there < n) return Error{ErrorCode::internal, fmt::format("the server has {} sessions of {}", there, n)};
  if (resident && resident_before) {
    const double more =
        static_cast<double>(resident->resident_bytes) - static_cast<double>(resident_before->resident_bytes);
    report(plain("idle/memory", more / n / 1024, "KiB"));
  }
  report(plain("idle/heap", heap / n / 1024, "KiB"));
  for (const auto& [library, bytes] : libraries) {
    const auto before = libraries_before.find(library);
    const i64 more = bytes - (before == libraries_before.end() ? 0 : before->second);
    if (more > 0)
      report(plain(("idle/heap/" + library).c_str(), static_cast<double>(more) / n / 1024, "KiB"));
  }
  begun = clock.now();
  const Moment quiet = look(stage.server());
  if (!stage.pass(std::max(options.seconds, 2.5 * idle_s))) return {};
  const Moment passed = look(stage.server()).since(quiet);
  report(plain("idle/quiet_s", seconds_since(begun), "s"));
  report(plain("idle/idle_timeout", idle_s, "s"));
  report(plain("idle/cpu", 100 * passed.cpu_s / seconds_since(begun), "%"));
  report(named(distribution("", "us", passed.lateness_ns, 1e-3), "idle/lateness"));
  // On a machine that is overloaded nobody new may be let in.
  if (auto beside = Play::start(stage, players)) {
    if (!stage.pass(std::min(options.seconds, 10.0))) return {};
    beside->end("idle/beside/", report);
  } else {
    log_error("{}", beside.error().message);
  }
  holder->signal(SIGINT);
  const auto lost = read_figure(*holder, "hold/lost", 20);
  if (!lost) return lost.error();
  report(plain("idle/lost", *lost, "count"));
  if (*lost > 0) return Error{ErrorCode::internal, fmt::format("{} connections were lost", *lost)};
  return {};
}

}  // namespace drumline::bench
