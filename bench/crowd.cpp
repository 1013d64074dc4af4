#include "crowd.hpp"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/raw_send.hpp"
#include "env/thread.hpp"

namespace drumline::bench {
namespace {

constexpr double kSeatingSeconds = 120;
// Joining is not the steady state: what it allocated and delayed is not counted.
constexpr double kSettlingSeconds = 3;
// What QUIC adds to a datagram: short header 1 + 8, packet number 2, frame 3, tag 16.
constexpr std::size_t kQuicBytes = 30;
constexpr u32 kRawSockets = 64;
constexpr int kReportTimeoutMs = 20'000;

using Settings = std::vector<std::pair<std::string, std::string>>;

Result<std::unique_ptr<server::Server>> start_server(const Options& options, u32 players,
                                                     const Settings& more) {
  config::Sources sources;
  sources.flags = {{"bench", "listen.port", "0"},
                   {"bench", "listen.admin_port", "0"},
                   {"bench", "battle.max_players", std::to_string(players + 8)},
                   {"bench", "gateway.max_sessions", std::to_string(players + 8)}};
  if (options.tiered())
    sources.flags.push_back({"bench", "broadcast.send_tiers", "true"});
  else
    sources.flags.push_back({"bench", "battle.send_hz", options.send_hz});
  for (const auto& [key, value] : more) {
    std::erase_if(sources.flags, [&](const auto& flag) { return flag.key == key; });
    sources.flags.push_back({"bench", key, value});
  }
  auto configuration = config::load_or_explain(sources);
  if (!configuration) return std::move(configuration).error();
  server::ServerOptions node;
  node.configuration = std::move(*configuration);
  node.data = options.folder + "/crowd-" + std::to_string(players);
  node.games = options.games;
  return server::Server::start(std::move(node));
}

BotFigures read_report(const nlohmann::json& json) {
  BotFigures bots;
  const auto take = [&](const char* key, std::optional<double>& into) {
    if (json.contains(key)) into = json.value(key, 0.0);
  };
  take("seated_after_s", bots.seated_after_s);
  take("delivered", bots.delivered);
  take("entities_per_frame", bots.entities_per_frame);
  take("cpu_us_per_frame", bots.cpu_us);
  if (!json.contains("interarrival_ms")) return bots;
  const auto& times = json["interarrival_ms"];
  Figure& figure = bots.interarrival.emplace(plain("", times.value("mean", 0.0), "ms"));
  figure.p50 = times.value("p50", 0.0);
  figure.p99 = times.value("p99", 0.0);
  figure.p999 = times.value("p999", 0.0);
  return bots;
}

/// What happens to the players of a layout, and how often.
struct Happening {
  std::string_view told;
  double period_s = 1;
};
Happening happening_of(Layout layout) {
  switch (layout) {
    case Layout::boss:
      return {"gather", 3};
    case Layout::teleport:
      return {"scatter", 1};
    case Layout::death:
      return {"slay", 2};
    case Layout::spread:
    case Layout::join:
      break;
  }
  return {};
}

u32 rung_of(const server::Server& server) {
  return static_cast<u32>(server.overload().counters().rung.value());
}

}  // namespace

// ---- the stage

Result<std::unique_ptr<CrowdStage>> CrowdStage::start(const Options& options, u32 players,
                                                      const Settings& more) {
  std::unique_ptr<CrowdStage> stage(new CrowdStage(options));
  auto server = start_server(options, players, more);
  if (!server) return std::move(server).error();
  stage->server_ = std::move(*server);
  if (const auto idle = telemetry::read_process_stats()) stage->idle_ = *idle;
  return stage;
}

CrowdStage::~CrowdStage() {
  bots_.clear();
  if (server_) server_->stop(0);
}

Result<void> CrowdStage::add_bots(u32 count, double seconds) {
  const server::StartReport& report = server_->report();
  auto bots = ChildProcess::start(
      kThisBinary, {"bots", "--connect", "quic://" + report.quic.to_string(), "--count",
                    std::to_string(count), "--pki", report.pki_folder, "--json", "--measure-from-seated",
                    "--clients-per-port", std::to_string(options_.clients_per_port), "--give-up",
                    std::to_string(static_cast<int>(kSeatingSeconds)), "--seconds", std::to_string(seconds)});
  if (!bots) return std::move(bots).error();
  bots_.push_back(std::move(*bots));
  return {};
}

u32 CrowdStage::seated() const {
  return static_cast<u32>(server_->battles().shards().front().battles->players.value());
}

Result<bool> CrowdStage::wait_until_seated(u32 count) {
  const TimeNs patience = clock_.now() + static_cast<TimeNs>(kSeatingSeconds * 1e9);
  while (seated() < count) {
    if (options_.stopped() || clock_.now() >= patience) return false;
    for (const ChildProcess& bots : bots_) {
      if (bots.ended()) return Error{ErrorCode::internal, "the bots ended before all were seated"};
    }
    env::sleep_until(clock_.now() + 20 * kMillisecondNs);
  }
  return true;
}

void CrowdStage::tell(std::string_view message) {
  const auto battles = server_->directory().all();
  // Its answer comes with the disk's; nobody waits for it here.
  if (!battles.empty()) (void)server_->control().tell(battles.front()->descriptor->id, as_bytes(message));
}

bool CrowdStage::pass(double seconds) {
  const TimeNs end = clock_.now() + static_cast<TimeNs>(seconds * 1e9);
  while (clock_.now() < end) {
    if (options_.stopped()) return false;
    env::sleep_until(std::min(end, clock_.now() + 50 * kMillisecondNs));
  }
  return true;
}

std::optional<std::pair<double, double>> CrowdStage::memory() const {
  const auto now = telemetry::read_process_stats();
  if (!idle_ || !now) return std::nullopt;
  const double more = static_cast<double>(now->resident_bytes) - static_cast<double>(idle_->resident_bytes);
  return std::pair{more / 1024, static_cast<double>(now->resident_bytes) / (1 << 20)};
}

void CrowdStage::end_bots() {
  for (const ChildProcess& bots : bots_) bots.signal(SIGINT);
}

std::vector<BotFigures> CrowdStage::finish() {
  std::vector<BotFigures> figures;
  for (ChildProcess& bots : bots_) {
    BotFigures& of = figures.emplace_back();
    while (const auto line = bots.read_line(kReportTimeoutMs)) {
      const auto json = nlohmann::json::parse(*line, nullptr, false);
      if (json.is_object()) of = read_report(json);
    }
    bots.wait();
  }
  bots_.clear();
  return figures;
}

// ---- a measurement

Result<Crowd> measure_crowd(const Options& options, u32 players) {
  Crowd crowd;
  crowd.players = players;
  auto started = CrowdStage::start(options, players);
  if (!started) return std::move(started).error();
  CrowdStage& stage = **started;
  const bool joins = options.layout == Layout::join;
  const u32 early = joins ? players / 2 : players;
  // Who is there while others come does not know how long that takes.
  const double play_s = kSettlingSeconds + options.seconds + (joins ? kSeatingSeconds : 3);
  if (auto added = stage.add_bots(early, play_s); !added) return std::move(added).error();
  if (auto all = stage.wait_until_seated(early); !all) return std::move(all).error();
  if (!stage.pass(kSettlingSeconds)) return crowd;

  const Happening happening = happening_of(options.layout);
  const env::SystemClock clock;
  const TimeNs begun = clock.now();
  const Moment before = look(stage.server());
  const auto seconds_passed = [&] { return static_cast<double>(clock.now() - begun) * 1e-9; };
  if (joins) {
    if (auto added = stage.add_bots(players - early, kSettlingSeconds + 1); !added)
      return std::move(added).error();
    if (auto all = stage.wait_until_seated(players); !all) return std::move(all).error();
    crowd.rung = rung_of(stage.server());
  } else {
    double next = 0;
    while (seconds_passed() < options.seconds) {
      if (!happening.told.empty() && seconds_passed() >= next) {
        stage.tell(happening.told);
        next += happening.period_s;
      }
      if (!stage.pass(0.1)) return crowd;
      crowd.rung = std::max(crowd.rung, rung_of(stage.server()));
    }
  }
  crowd.seconds = seconds_passed();
  crowd.passed = look(stage.server()).since(before);
  crowd.seated = stage.seated();
  if (const auto memory = stage.memory()) {
    crowd.memory_kib = memory->first / players;
    crowd.resident_mib = memory->second;
  }
  const auto raw = measure_raw_send(static_cast<std::size_t>(crowd.passed.bytes_per_frame()) + kQuicBytes,
                                    kRawSockets, crowd.frames_per_s(), std::min(options.seconds, 3.0));
  if (!raw) return raw.error();
  crowd.raw_send_us = raw->sender_us;
  // Those who were there while others came would play on for as long as that may take.
  if (joins) stage.end_bots();
  crowd.bots = stage.finish().front();
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
  number("frames_skipped", static_cast<double>(passed.skipped), "count");
  tell("delivery", distribution("", "us", passed.delivery_ns, 1e-3));
  number("rung", crowd.rung, "rung");
  Figure cpu = plain("", crowd.passed.cpu_us_per_frame(), "us");
  cpu.rival = Figure::Rival{"sendmmsg", crowd.raw_send_us};
  tell("server_cpu", cpu);
  for (std::size_t i = 0; i < env::kPhases; ++i) {
    const auto phase = static_cast<env::Phase>(i);
    if (phase == env::Phase::wait) continue;
    number(fmt::format("gateway_{}", env::phase_name(phase)).c_str(), passed.phase_us_per_frame(phase), "us");
  }
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
