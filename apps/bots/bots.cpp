#include "bots/bots.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "auth/token.hpp"
#include "bots/cast.hpp"
#include "bots/squad.hpp"
#include "env/file.hpp"
#include "env/thread.hpp"
#include "env/udp_relay.hpp"

namespace drumline::bots {
namespace {

constexpr i64 kWatchNs = 250 * kMillisecondNs;
constexpr u32 kMaxBots = 100'000;
constexpr u32 kMaxThreads = 256;
// With so many on one port it pays to have the kernel join their packets.
constexpr u32 kCrowd = 16;

Result<void> check(const BotsOptions& options) {
  const auto wrong = [](const std::string& what) { return Error{ErrorCode::invalid_argument, what}; };
  if (options.count < 1 || options.count > kMaxBots) {
    return wrong(fmt::format("--count {} is out of range: 1 to {} bots", options.count, kMaxBots));
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return wrong(fmt::format("--threads {} is out of range: 1 to {}", options.threads, kMaxThreads));
  }
  if (options.clients_per_port < 1) return wrong("--clients-per-port 0 is out of range: 1 or more");
  if (!(options.send_hz > 0 && options.send_hz <= 62.5)) {
    return wrong(fmt::format("--send-hz {} is out of range: above 0, at most 62.5", options.send_hz));
  }
  if (!(options.seconds >= 0)) return wrong("--seconds must not be negative");
  if (!(options.give_up_seconds > 0)) return wrong("the time to give up after must be positive");
  if (const auto games = games_with_bots(); std::ranges::find(games, options.game) == games.end()) {
    return wrong(fmt::format("there is no bot for the game '{}'; there are bots for {}", options.game,
                             fmt::join(games, ", ")));
  }
  return {};
}

// Long enough for a handshake on a busy machine; each connection has its own.
constexpr i64 kTokenSeconds = 60;

/// Issues tokens from the folder's token.key.
Result<std::function<Result<std::string>()>> token_source(const BotsOptions& options) {
  auto loaded = auth::TokenKey::load(transport::pki_paths(options.pki).token_key);
  if (!loaded) return std::move(loaded).error();
  // Shared: a std::function is copied, one to each squad.
  const auto key = std::make_shared<const auth::TokenKey>(std::move(*loaded));
  const auth::Role role = options.spectators ? auth::Role::spectator : auth::Role::player;
  return std::function<Result<std::string>()>([key, role] {
    const i64 now_s = env::SystemClock().wall_now() / kSecondNs;
    auth::TokenClaims claims;
    claims.subject = "bots";
    claims.role = role;
    claims.issued_at_s = now_s;
    claims.expires_at_s = now_s + kTokenSeconds;
    return key->issue(claims);
  });
}

/// A network of the asked kind between the bots and the server, for as long as this lives.
class BadNetwork {
 public:
  static Result<std::unique_ptr<BadNetwork>> start(const BotsOptions& options,
                                                   const client::ServerUrl& server) {
    if (server.transport != transport::TransportKind::quic) {
      return Error{ErrorCode::invalid_argument, "--network stands between datagrams: use a quic:// address"};
    }
    auto conditions = env::parse_path_conditions(options.network);
    if (!conditions) return std::move(conditions).error();
    env::UdpRelay::Options path;
    path.server = server.address;
    path.listen = *env::parse_address(server.address.is_v4() ? "127.0.0.1:0" : "[::1]:0");
    path.to_server = path.to_clients = *conditions;
    path.seed = options.seed;
    path.max_flows = kMaxBots;
    std::unique_ptr<BadNetwork> made(new BadNetwork);
    auto relay = env::UdpRelay::create(path, *made->sockets_, made->clock_);
    if (!relay) return std::move(relay).error().within("--network");
    made->relay_ = std::move(*relay);
    made->thread_.emplace(*made->relay_, made->clock_);
    return made;
  }
  env::Address address() const { return relay_->address(); }

 private:
  BadNetwork() = default;
  env::SystemClock clock_;
  std::unique_ptr<env::Network> sockets_ = env::make_system_network();
  std::unique_ptr<env::UdpRelay> relay_;
  std::optional<env::UdpRelayThread> thread_;
};

bool stop_wanted(const BotsOptions& options) {
  return options.stop != nullptr && options.stop->load() != 0;
}

}  // namespace

Result<BotsReport> play_bots(const BotsOptions& options,
                             const std::function<void(const BotsProgress&)>& watch) {
  if (auto good = check(options); !good) return std::move(good).error();
  auto server = client::parse_server_url(options.url);
  if (!server) return std::move(server).error();
  const transport::PkiPaths pki = transport::pki_paths(options.pki);
  const u32 threads = std::min(options.threads, options.count);

  client::ClientGroupOptions group;
  group.server = server->address;
  std::unique_ptr<BadNetwork> network;
  if (!options.network.empty()) {
    auto started = BadNetwork::start(options, *server);
    if (!started) return std::move(started).error();
    network = std::move(*started);
    group.tls_server = group.server;
    group.server = network->address();
  }
  group.transport = server->transport;
  group.fallback = server->fallback;
  group.secure = server->secure;
  group.path = server->path;
  group.tls = {.authority = pki.ca_certificate, .certificate = pki.client_certificate, .key = pki.client_key};
  if (server->transport == transport::TransportKind::websocket) {
    auto token = token_source(options);
    if (!token) return std::move(token).error();
    group.token = std::move(*token);
  }
  group.max_handshakes = std::max(32 / threads, 4U);

  std::vector<std::unique_ptr<Squad>> squads;
  for (u32 i = 0; i < threads; ++i) {
    const u32 first = static_cast<u32>(u64{options.count} * i / threads);
    const u32 count = static_cast<u32>(u64{options.count} * (i + 1) / threads) - first;
    group.sockets = (count + options.clients_per_port - 1) / options.clients_per_port;
    group.coalesce = options.clients_per_port >= kCrowd;
    auto squad = Squad::create(options, group, first, count);
    if (!squad) return std::move(squad).error();
    squads.push_back(std::move(*squad));
  }

  const env::SystemClock clock;
  const TimeNs started = clock.now();
  TimeNs figures_from = started;
  BotsReport report;
  report.bots = options.count;
  report.spectators = options.spectators;
  report.threads = threads;
  for (const auto& squad : squads) squad->start();
  bool time_is_up = false;
  bool waits = options.measure_from_seated;
  while (true) {
    const bool timed = options.seconds > 0 && !waits;
    const TimeNs end = timed ? figures_from + static_cast<i64>(options.seconds * 1e9) : INT64_MAX;
    env::sleep_until(std::min(clock.now() + kWatchNs / 5, end));
    const TimeNs now = clock.now();
    BotsProgress progress;
    progress.seconds = static_cast<double>(now - started) * 1e-9;
    u32 closed = 0;
    u32 ever_seated = 0;
    for (const auto& squad : squads) {
      progress.seated += squad->seated();
      progress.frames += squad->frames();
      progress.frames_due += squad->frames_due();
      progress.losses += squad->losses();
      closed += squad->closed();
      ever_seated += squad->ever_seated();
    }
    if (ever_seated == options.count && report.seated_after_s == 0) {
      report.seated_after_s = progress.seconds;
      if (options.measure_from_seated) {
        figures_from = now;
        for (const auto& squad : squads) squad->restart_figures();
      }
    }
    if (watch) watch(progress);
    if (stop_wanted(options) || closed == options.count) break;
    // Bots that are to be measured seated are given time to get there.
    waits = options.measure_from_seated && report.seated_after_s == 0 && closed == 0 &&
            progress.seconds < options.give_up_seconds;
    if (!waits && options.seconds > 0 && now - figures_from >= static_cast<i64>(options.seconds * 1e9)) {
      time_is_up = true;
      break;
    }
  }
  report.seconds = static_cast<double>(clock.now() - figures_from) * 1e-9;
  for (const auto& squad : squads) squad->stop(time_is_up);
  for (const auto& squad : squads) squad->add_to(report);
  return report;
}

Result<int> run_bots(const BotsOptions& options) {
  TimeNs drawn_at = 0;
  u64 frames_before = 0;
  double seconds_before = 0;
  const env::SystemClock clock;
  const auto draw = [&](const BotsProgress& p) {
    const TimeNs now = clock.now();
    if (now - drawn_at < kWatchNs) return;
    drawn_at = now;
    const double elapsed = p.seconds - seconds_before;
    const double rate = elapsed > 0 ? static_cast<double>(p.frames - frames_before) / elapsed : 0;
    frames_before = p.frames;
    seconds_before = p.seconds;
    const double share =
        p.frames_due > 0 ? 100.0 * static_cast<double>(p.frames) / static_cast<double>(p.frames_due) : 0;
    const std::string delivered = options.spectators ? "" : fmt::format("{:.3f} % delivered  ", share);
    fmt::print(stderr, "\r{:6.1f} s  {}/{} seated  {:.0f} frames/s  {}{} connections lost \033[K", p.seconds,
               p.seated, options.count, rate, delivered, p.losses);
    std::fflush(stderr);
  };
  auto report = play_bots(options, options.progress ? draw : std::function<void(const BotsProgress&)>());
  if (options.progress) fmt::print(stderr, "\r\033[K");
  if (!report) return std::move(report).error();
  if (!options.sights_file.empty()) {
    const auto files = env::make_system_files();
    const std::string text = broadcast::write_sights(report->sights);
    if (auto written = env::write_file_atomic(*files, options.sights_file, as_bytes(text)); !written)
      return std::move(written).error().within("--record-sights");
  }
  if (options.json)
    fmt::print("{}\n", to_json(*report));
  else if (!options.quiet)
    fmt::print("{}", to_text(*report));
  std::fflush(stdout);
  return report->all_well() ? 0 : 1;
}

}  // namespace drumline::bots
