#include "bench/sync/cell.hpp"

#include <csignal>
#include <filesystem>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>
#include <time.h>

#include "bench/child_process.hpp"
#include "client/client_group.hpp"
#include "env/thread.hpp"
#include "env/udp_relay.hpp"
#include "transport/credentials/development_pki.hpp"

namespace drumline::bench {
namespace {

// A game's loop: so often it takes what came, and draws.
constexpr i64 kDrawNs = 4 * kMillisecondNs;
constexpr i64 kJoinPatienceNs = 30 * kSecondNs;
// The intro of a duel is over, the input delay has found its place.
constexpr i64 kSettleNs = 4 * kSecondNs;
// The server has made its battles and written their first snapshots.
constexpr i64 kStartNs = 500 * kMillisecondNs;
constexpr i64 kIdleNs = kSecondNs;
constexpr int kReadyPatienceMs = 20'000;

double cpu_s(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

struct Node {
  ChildProcess process;
  clockid_t cpu;
  env::Address address;
  std::string pki;
};

Result<Node> start_node(const Cell& cell, const CellOptions& options) {
  const Script& script = *cell.script;
  const std::vector<std::pair<std::string, std::string>> settings{
      {"battle.sync_model", std::string(world::sync_model_name(cell.model))},
      {"battle.send_hz", std::to_string(send_hz_of(cell.model))},
      {"battle.max_players", std::to_string(script.players_in_battle)},
      {"battle.count", std::to_string(options.players / script.players_in_battle)},
      {"battle.seed", "7"},
      {"journal.segment_size_mib", "4"},
      // Several nodes run side by side.
      {"threads.pin", "false"}};
  std::vector<std::string> arguments{
      "--json", "--log-level",  "error", "serve",  "--port",
      "0",      "--admin-port", "0",     "--game", std::string(script.game->name()),
      "--data", options.folder};
  for (const auto& [key, value] : settings) {
    arguments.emplace_back("--set");
    arguments.push_back(key + "=" + value);
  }
  auto process = ChildProcess::start(kThisBinary, arguments);
  if (!process) return std::move(process).error();
  Node node{std::move(*process), {}, {}, {}};
  while (const auto line = node.process.read_line(kReadyPatienceMs)) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (!json.is_object() || json.value("event", "") != "ready") continue;
    auto address = env::parse_address("127.0.0.1:" + std::to_string(json.value("port", 0)));
    if (!address) return std::move(address).error();
    node.address = *address;
    node.pki = json.value("pki", "");
    if (::clock_getcpuclockid(node.process.id(), &node.cpu) != 0) {
      return Error{ErrorCode::unavailable, "the server's processor time cannot be read"};
    }
    return node;
  }
  return Error{ErrorCode::timeout, "the server was not ready after 20 s"};
}

/// What the node takes with battles in which there is nobody.
double idle_cpu_us_per_s(const Node& node, const env::Clock& clock) {
  env::sleep_until(clock.now() + kStartNs);
  const TimeNs begun = clock.now();
  const double before_s = cpu_s(node.cpu);
  env::sleep_until(begun + kIdleNs);
  return (cpu_s(node.cpu) - before_s) * 1e15 / static_cast<double>(clock.now() - begun);
}

Result<std::unique_ptr<env::UdpRelay>> start_relay(const Cell& cell, const env::Address& server,
                                                   env::Network& network, const env::Clock& clock) {
  env::UdpRelay::Options options;
  options.server = server;
  options.listen = *env::parse_address("127.0.0.1:0");
  options.to_server.delay_ns = i64{cell.round_trip_ms} * kMillisecondNs / 2;
  options.to_server.loss = cell.loss_percent / 100.0;
  options.to_clients = options.to_server;
  return env::UdpRelay::create(options, network, clock);
}

/// The players of one cell, their clients, and what they are driven by.
class Players {
 public:
  static Result<std::unique_ptr<Players>> create(const Cell& cell, const CellOptions& options,
                                                 const env::Address& server, const std::string& pki) {
    std::unique_ptr<Players> made(new Players(options));
    const transport::PkiPaths paths = transport::pki_paths(pki);
    client::ClientGroupOptions group;
    group.server = server;
    group.tls = {paths.ca_certificate, paths.client_certificate, paths.client_key};
    group.sockets = options.players;
    auto opened = client::ClientGroup::create(group, *made->network_, made->random_, made->clock_);
    if (!opened) return std::move(opened).error();
    made->group_ = std::move(*opened);
    for (u32 i = 0; i < options.players; ++i) {
      client::ClientOptions client;
      client.name = "player " + std::to_string(i);
      client.battle = BattleId{1 + i / cell.script->players_in_battle};
      client.ping_interval_ns = 250 * kMillisecondNs;
      made->players_.push_back(make_sync_player(cell.model, *cell.script, made->clock_, 1 + i));
      if (made->players_.back() == nullptr) {
        return Error{ErrorCode::invalid_argument, std::string(cell.script->game->name()) + " does not play " +
                                                      std::string(world::sync_model_name(cell.model))};
      }
      made->group_->add(client, *made->players_.back());
    }
    made->group_->start();
    return made;
  }

  /// Plays until `until`, or until `done`; then says whether all is well.
  template <class Done>
  Result<void> play(TimeNs until, Done done) {
    for (TimeNs next = clock_.now(); next < until && !stopped() && !done(); next += kDrawNs) {
      env::sleep_until(next);
      group_->poll();
      for (std::size_t i = 0; i < players_.size(); ++i) {
        players_[i]->play(group_->client(i));
        if (!players_[i]->failure().empty()) return Error{ErrorCode::malformed, players_[i]->failure()};
        if (group_->client(i).closed()) return Error{ErrorCode::unavailable, group_->client(i).last_error()};
      }
    }
    return {};
  }
  Result<void> join() {
    const auto all_show = [this] {
      for (const auto& player : players_) {
        if (!player->shows()) return false;
      }
      return true;
    };
    if (auto played = play(clock_.now() + kJoinPatienceNs, all_show); !played) return played;
    if (!all_show() && !stopped()) return Error{ErrorCode::timeout, "not all players were in after 30 s"};
    return {};
  }
  Result<void> play_for(i64 time_ns) {
    return play(clock_.now() + time_ns, [] { return false; });
  }
  void restart() {
    for (const auto& player : players_) player->restart();
  }
  void add_to(CellFigures& figures) const {
    for (const auto& player : players_) {
      figures.delays.add(player->delays());
      figures.cost.add(player->prediction_cost());
      figures.commands += player->commands();
      figures.input_delay_ticks +=
          static_cast<double>(player->input_delay_ticks()) / static_cast<double>(players_.size());
      figures.longest_stall_ns = std::max(figures.longest_stall_ns, player->longest_stall_ns());
    }
  }
  bool stopped() const { return options_.stop != nullptr && options_.stop->load() != 0; }
  TimeNs now() const { return clock_.now(); }

 private:
  explicit Players(const CellOptions& options) : options_(options) {}

  const CellOptions& options_;
  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  std::vector<std::unique_ptr<SyncPlayer>> players_;
  std::unique_ptr<client::ClientGroup> group_;  // after what its clients refer to
};

/// Counters at one moment; figures are differences of two.
struct Moment {
  TimeNs at = 0;
  u64 up_bytes = 0, up_packets = 0, down_bytes = 0, down_packets = 0;
  double server_cpu_s = 0, client_cpu_s = 0;
};

Moment look(const env::UdpRelay& relay, const Node& node, TimeNs now) {
  return {now,
          relay.to_server().received_bytes.value(),
          relay.to_server().received.value(),
          relay.to_clients().received_bytes.value(),
          relay.to_clients().received.value(),
          cpu_s(node.cpu),
          cpu_s(CLOCK_THREAD_CPUTIME_ID)};
}

CellFigures difference(const Moment& before, const Moment& after, u32 players) {
  CellFigures figures;
  figures.players = players;
  figures.seconds = static_cast<double>(after.at - before.at) * 1e-9;
  const double client_seconds = figures.seconds * players;
  const auto rate = [&](u64 from, u64 to) { return static_cast<double>(to - from) / client_seconds; };
  figures.up_bytes_per_s = rate(before.up_bytes, after.up_bytes);
  figures.up_packets_per_s = rate(before.up_packets, after.up_packets);
  figures.down_bytes_per_s = rate(before.down_bytes, after.down_bytes);
  figures.down_packets_per_s = rate(before.down_packets, after.down_packets);
  figures.server_cpu_us_per_s = (after.server_cpu_s - before.server_cpu_s) * 1e6 / client_seconds;
  figures.client_cpu_us_per_s = (after.client_cpu_s - before.client_cpu_s) * 1e6 / client_seconds;
  return figures;
}

}  // namespace

u32 send_hz_of(world::SyncModel model) {
  return model == world::SyncModel::frame_sync ? 20 : 62;
}

Result<CellFigures> run_cell(const Cell& cell, const CellOptions& options) {
  DRUM_ASSERT(options.players > 0 && options.players % cell.script->players_in_battle == 0);
  const env::SystemClock clock;
  const std::unique_ptr<env::Network> network = env::make_system_network();
  auto node = start_node(cell, options);
  if (!node) return std::move(node).error();
  const double idle_us_per_s = idle_cpu_us_per_s(*node, clock);
  auto relay = start_relay(cell, node->address, *network, clock);
  if (!relay) return std::move(relay).error();
  const env::UdpRelayThread relaying(**relay, clock);
  auto players = Players::create(cell, options, (*relay)->address(), node->pki);
  if (!players) return std::move(players).error();

  if (auto joined = (*players)->join(); !joined) return std::move(joined).error();
  if (auto settled = (*players)->play_for(kSettleNs); !settled) return std::move(settled).error();
  (*players)->restart();
  const Moment before = look(**relay, *node, clock.now());
  if (auto played = (*players)->play_for(static_cast<i64>(options.seconds * 1e9)); !played) {
    return std::move(played).error();
  }
  const Moment after = look(**relay, *node, clock.now());
  if ((*players)->stopped()) return Error{ErrorCode::unavailable, "stopped before the figures were whole"};

  CellFigures figures = difference(before, after, options.players);
  figures.cell = cell;
  figures.idle_cpu_us_per_s = idle_us_per_s;
  (*players)->add_to(figures);
  figures.commands_per_s = static_cast<double>(figures.commands) / (figures.seconds * options.players);
  node->process.signal(SIGKILL);
  node->process.wait();
  std::error_code ignored;
  std::filesystem::remove_all(options.folder, ignored);
  return figures;
}

}  // namespace drumline::bench
