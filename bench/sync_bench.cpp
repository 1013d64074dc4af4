// The three synchronisation models under good and bad networks: what a client costs and
// how long its player waits for what he does.
#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "bench/bench.hpp"
#include "bench/sync/sync_report.hpp"
#include "env/file.hpp"

namespace drumline::bench {
namespace {

constexpr std::array<u32, 3> kRoundTripsMs{0, 50, 150};
constexpr std::array<u32, 3> kLossesPercent{0, 2, 10};
constexpr u32 kDefaultPlayers = 16;

struct Game {
  const Script* script;
  std::vector<world::SyncModel> models;
};

/// Duel has no movement model: its movement depends on both fighters.
std::vector<Game> games_of(const Options& options) {
  using world::SyncModel;
  std::vector<Game> games{
      {&arena_script(), {SyncModel::lockstep, SyncModel::frame_sync, SyncModel::state_broadcast}}};
  if (!options.quick) games.push_back({&duel_script(), {SyncModel::lockstep, SyncModel::state_broadcast}});
  return games;
}

Figure delay_figure(const std::string& name, const Histogram& delays_ns) {
  Figure figure;
  figure.name = name;
  figure.unit = "ms";
  figure.value = delays_ns.mean() * 1e-6;
  figure.p50 = static_cast<double>(delays_ns.percentile(50)) * 1e-6;
  figure.p99 = static_cast<double>(delays_ns.percentile(99)) * 1e-6;
  figure.n = delays_ns.count();
  return figure;
}

void report_cell(const CellFigures& cell, const Report& report) {
  const std::string name =
      fmt::format("sync/{}/{}/{}ms/{}%/", cell.cell.script->game->name(),
                  world::sync_model_name(cell.cell.model), cell.cell.round_trip_ms, cell.cell.loss_percent);
  const auto one = [&](const char* what, double value, const char* unit) {
    report({.name = name + what, .value = value, .unit = unit});
  };
  const double client_seconds = cell.seconds * cell.players;
  report(delay_figure(name + "input_seen", cell.delays.shown_ns));
  report(delay_figure(name + "input_confirmed", cell.delays.confirmed_ns));
  one("inputs_unanswered", static_cast<double>(cell.delays.unanswered), "count");
  one("down", cell.down_bytes_per_s, "B/s");
  one("up", cell.up_bytes_per_s, "B/s");
  one("down_packets", cell.down_packets_per_s, "1/s");
  one("up_packets", cell.up_packets_per_s, "1/s");
  one("server_cpu", cell.server_cpu_us_per_s, "us/s");
  one("client_cpu", cell.client_cpu_us_per_s, "us/s");
  one("server_idle", cell.idle_cpu_us_per_s, "us/s");
  one("input_delay", cell.input_delay_ticks, "ticks");
  one("commands", cell.commands_per_s, "1/s");
  one("jumps", static_cast<double>(cell.cost.jumps) / client_seconds, "1/s");
  one("jumped", cell.cost.jumped / client_seconds, "units/s");
  one("rollbacks", static_cast<double>(cell.cost.rollbacks) / client_seconds, "1/s");
  one("resimulated", static_cast<double>(cell.cost.resimulated_ticks) / client_seconds, "ticks/s");
  one("late_commands", static_cast<double>(cell.cost.late_commands), "count");
  one("longest_stall", static_cast<double>(cell.longest_stall_ns) * 1e-6, "ms");
}

/// Cells side by side, each with a server of its own: none of them is busy.
std::vector<Result<CellFigures>> run_side_by_side(const std::vector<Cell>& cells, const Options& options) {
  std::vector<std::optional<Result<CellFigures>>> results(cells.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    threads.emplace_back([&, i] {
      CellOptions cell;
      cell.folder = options.folder + "/cell" + std::to_string(i);
      cell.players = options.players != 0 ? options.players : kDefaultPlayers;
      cell.players = std::max(cell.players / cells[i].script->players_in_battle, 1U) *
                     cells[i].script->players_in_battle;
      cell.seconds = options.seconds;
      cell.stop = options.stop;
      results[i].emplace(run_cell(cells[i], cell));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<Result<CellFigures>> all;
  for (auto& result : results) all.push_back(std::move(*result));
  return all;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

}  // namespace

Result<void> run_sync(const Options& options, const Report& report) {
  std::vector<CellFigures> done;
  for (const Game& game : games_of(options)) {
    for (const world::SyncModel model : game.models) {
      for (const u32 round_trip : kRoundTripsMs) {
        if (options.quick && round_trip != kRoundTripsMs[1]) continue;
        std::vector<Cell> cells;
        for (const u32 loss : kLossesPercent) cells.push_back({game.script, model, round_trip, loss});
        if (options.quick) cells = {cells[1]};
        for (auto& figures : run_side_by_side(cells, options)) {
          if (options.stopped()) return {};
          if (!figures) return std::move(figures).error();
          report_cell(*figures, report);
          done.push_back(std::move(*figures));
        }
      }
    }
  }
  if (options.write.empty()) return {};
  const auto files = env::make_system_files();
  return write_report(*files, options.write, done, today());
}

}  // namespace drumline::bench
