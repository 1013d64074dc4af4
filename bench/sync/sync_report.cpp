#include "bench/sync/sync_report.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/bytes.hpp"
#include "bench/svg_chart.hpp"
#include "env/thread.hpp"

namespace drumline::bench {
namespace {

using world::SyncModel;

constexpr u64 kMostPageBytes = 1 << 20;

/// In the order in which models are told of.
constexpr std::array kModels{SyncModel::lockstep, SyncModel::frame_sync, SyncModel::state_broadcast};

std::string label(SyncModel model) {
  std::string name(world::sync_model_name(model));
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string game_of(const CellFigures& cell) {
  return std::string(cell.cell.script->game->name());
}

std::string title_of(const CellFigures& cell) {
  const u32 together = cell.cell.script->players_in_battle;
  return game_of(cell) + ", " + std::to_string(together) + " players" +
         (cell.players > together ? fmt::format(" a battle, {} battles", cell.players / together)
                                  : " in one battle");
}

/// Distinct values in the order in which they come.
template <class T, class Of>
std::vector<T> distinct(std::span<const CellFigures> cells, Of of) {
  std::vector<T> values;
  for (const CellFigures& cell : cells) {
    if (const T value = of(cell); std::ranges::find(values, value) == values.end()) values.push_back(value);
  }
  return values;
}

std::vector<u32> round_trips(std::span<const CellFigures> cells) {
  return distinct<u32>(cells, [](const CellFigures& c) { return c.cell.round_trip_ms; });
}
std::vector<u32> losses(std::span<const CellFigures> cells) {
  return distinct<u32>(cells, [](const CellFigures& c) { return c.cell.loss_percent; });
}
std::vector<const Script*> scripts(std::span<const CellFigures> cells) {
  return distinct<const Script*>(cells, [](const CellFigures& c) { return c.cell.script; });
}

const CellFigures* find(std::span<const CellFigures> cells, const Cell& wanted) {
  for (const CellFigures& figures : cells) {
    const Cell& cell = figures.cell;
    if (cell.script == wanted.script && cell.model == wanted.model &&
        cell.round_trip_ms == wanted.round_trip_ms && cell.loss_percent == wanted.loss_percent) {
      return &figures;
    }
  }
  return nullptr;
}

double ms(double ns) {
  return ns * 1e-6;
}

std::string delay_text(const Histogram& delays_ns) {
  if (delays_ns.count() == 0) return "–";
  return fmt::format("{:.0f} ({:.0f})", ms(static_cast<double>(delays_ns.percentile(50))),
                     ms(static_cast<double>(delays_ns.percentile(95))));
}

/// What a column says of a cell, of one model.
struct Column {
  std::string head;
  SyncModel model;
  std::function<std::string(const CellFigures&)> text;
};

/// A row for each condition; columns of models that the game was not measured under are left out.
std::string table(std::span<const CellFigures> cells, const Script* script, const std::vector<Column>& all) {
  std::vector<Column> columns;
  for (const Column& column : all) {
    const bool measured = std::ranges::any_of(
        cells, [&](const CellFigures& c) { return c.cell.script == script && c.cell.model == column.model; });
    if (measured) columns.push_back(column);
  }
  std::string text = "| round trip | loss |";
  std::string rule = "|---|---|";
  for (const Column& column : columns) {
    text += " " + column.head + " |";
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const u32 round_trip : round_trips(cells)) {
    for (const u32 loss : losses(cells)) {
      std::string row = fmt::format("| {} ms | {} % |", round_trip, loss);
      for (const Column& column : columns) {
        const CellFigures* const cell = find(cells, {script, column.model, round_trip, loss});
        row += " " + (cell == nullptr ? "–" : column.text(*cell)) + " |";
      }
      text += row + "\n";
    }
  }
  return text;
}

std::vector<Column> delay_columns() {
  std::vector<Column> columns;
  for (const SyncModel model : kModels) {
    columns.push_back(
        {label(model) + ": seen", model, [](const CellFigures& c) { return delay_text(c.delays.shown_ns); }});
    columns.push_back(
        {"confirmed", model, [](const CellFigures& c) { return delay_text(c.delays.confirmed_ns); }});
  }
  return columns;
}

std::vector<Column> cost_columns() {
  std::vector<Column> columns;
  for (const SyncModel model : kModels) {
    columns.push_back({label(model) + ": kB/s down / up", model, [](const CellFigures& c) {
                         return fmt::format("{:.1f} / {:.1f}", c.down_bytes_per_s * 1e-3,
                                            c.up_bytes_per_s * 1e-3);
                       }});
    columns.push_back({"CPU ms/s server / client", model, [](const CellFigures& c) {
                         return fmt::format("{:.1f} / {:.1f}", c.server_cpu_us_per_s * 1e-3,
                                            c.client_cpu_us_per_s * 1e-3);
                       }});
  }
  return columns;
}

double a_second(double sum, const CellFigures& cell) {
  return sum / (cell.seconds * cell.players);
}

std::vector<Column> prediction_columns() {
  const auto jumps = [](const CellFigures& c) {
    const auto n = static_cast<double>(c.cost.jumps);
    return n == 0 ? std::string("0") : fmt::format("{:.1f} × {:.2f}", a_second(n, c), c.cost.jumped / n);
  };
  std::vector<Column> columns{{"lockstep: rollbacks a second × ticks", SyncModel::lockstep,
                               [](const CellFigures& c) {
                                 const auto n = static_cast<double>(c.cost.rollbacks);
                                 if (n == 0) return std::string("0");
                                 return fmt::format("{:.1f} × {:.1f}", a_second(n, c),
                                                    static_cast<double>(c.cost.resimulated_ticks) / n);
                               }},
                              {"others' jumps a second × units", SyncModel::lockstep, jumps},
                              {"late commands", SyncModel::lockstep,
                               [](const CellFigures& c) {
                                 const double share = c.commands == 0
                                                          ? 0
                                                          : static_cast<double>(c.cost.late_commands) /
                                                                static_cast<double>(c.commands);
                                 return fmt::format("{:.0f} %", 100 * share);
                               }},
                              {"frame sync: own jumps a second × units", SyncModel::frame_sync, jumps}};
  for (const SyncModel model : kModels) {
    columns.push_back({(model == SyncModel::lockstep ? "longest stall, ms: " : "") + label(model), model,
                       [](const CellFigures& c) {
                         return fmt::format("{:.0f}", ms(static_cast<double>(c.longest_stall_ns)));
                       }});
  }
  return columns;
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown processor";
}

Plot delay_plot(std::span<const CellFigures> cells, const Script* script) {
  LineChart chart;
  chart.title = "Perceived input delay, median: " + std::string(script->game->name());
  chart.x_label = "round trip, ms";
  chart.y_label = "delay, ms";
  for (const u32 round_trip : round_trips(cells)) chart.ticks.push_back(round_trip);
  for (const SyncModel model : kModels) chart.colours.push_back(label(model));
  chart.solid = "seen on his screen";
  chart.dashed = "confirmed by the server";
  for (const u32 loss : losses(cells)) {
    LineChart::Panel panel{fmt::format("{} % loss", loss), {}};
    for (std::size_t m = 0; m < kModels.size(); ++m) {
      LineChart::Line shown{m, false, {}}, confirmed{m, true, {}};
      bool measured = false;
      for (const u32 round_trip : round_trips(cells)) {
        const CellFigures* const cell = find(cells, {script, kModels[m], round_trip, loss});
        const auto median = [&](const Histogram& delays) {
          return delays.count() == 0 ? -1 : ms(static_cast<double>(delays.percentile(50)));
        };
        measured = measured || cell != nullptr;
        shown.values.push_back(cell == nullptr ? -1 : median(cell->delays.shown_ns));
        confirmed.values.push_back(cell == nullptr ? -1 : median(cell->delays.confirmed_ns));
      }
      if (!measured) continue;
      panel.lines.push_back(std::move(confirmed));
      panel.lines.push_back(std::move(shown));
    }
    chart.panels.push_back(std::move(panel));
  }
  return {"sync-delay-" + std::string(script->game->name()) + ".svg", to_svg(chart)};
}

/// Bars of two parts for each model, by loss, at the round trip in the middle; a panel a game.
Plot cost_plot(std::span<const CellFigures> cells, const std::string& name, BarChart chart,
               const std::function<std::pair<double, double>(const CellFigures&)>& parts) {
  const std::vector<u32> trips = round_trips(cells);
  const u32 round_trip = trips[trips.size() / 2];
  chart.title += fmt::format(" ({} ms round trip)", round_trip);
  chart.x_label = "loss each way";
  for (const SyncModel model : kModels) chart.colours.push_back(label(model));
  for (const Script* script : scripts(cells)) {
    BarChart::Panel panel;
    for (const u32 loss : losses(cells)) {
      BarChart::Group group{fmt::format("{} %", loss), {}};
      for (std::size_t m = 0; m < kModels.size(); ++m) {
        const CellFigures* const cell = find(cells, {script, kModels[m], round_trip, loss});
        if (cell == nullptr) continue;
        panel.title = title_of(*cell);
        const auto [lower, upper] = parts(*cell);
        group.bars.push_back({m, lower, upper});
      }
      panel.groups.push_back(std::move(group));
    }
    chart.panels.push_back(std::move(panel));
  }
  return {name, to_svg(chart)};
}

// Of the node by itself.
double mean_idle_ms_per_s(std::span<const CellFigures> cells) {
  double sum = 0;
  for (const CellFigures& cell : cells) sum += cell.idle_cpu_us_per_s * 1e-3;
  return cells.empty() ? 0 : sum / static_cast<double>(cells.size());
}

}  // namespace

std::vector<Plot> to_plots(std::span<const CellFigures> cells) {
  std::vector<Plot> plots;
  for (const Script* script : scripts(cells)) plots.push_back(delay_plot(cells, script));
  BarChart bandwidth;
  bandwidth.title = "Bandwidth a client";
  bandwidth.y_label = "kB/s";
  bandwidth.lower = "down";
  bandwidth.upper = "up";
  plots.push_back(cost_plot(cells, "sync-bandwidth.svg", bandwidth, [](const CellFigures& c) {
    return std::pair(c.down_bytes_per_s * 1e-3, c.up_bytes_per_s * 1e-3);
  }));
  BarChart processor_time;
  processor_time.title = "Processor time a client";
  processor_time.y_label = "ms a second";
  processor_time.lower = "server";
  processor_time.upper = "client";
  plots.push_back(cost_plot(cells, "sync-cpu.svg", processor_time, [](const CellFigures& c) {
    return std::pair(c.server_cpu_us_per_s * 1e-3, c.client_cpu_us_per_s * 1e-3);
  }));
  return plots;
}

std::string to_markdown(std::span<const CellFigures> cells, const std::string& date) {
  const u32 clients = cells.empty() ? 1 : cells.front().players;
  const double idle = mean_idle_ms_per_s(cells);
  std::string text = fmt::format(
      "Measured on {}, {} cores of an {}, {:.0f} s a cell, {} clients. The server's processor time is all of "
      "it "
      "by its clients: the node with its battles and nobody in them took {:.0f} ms a second, {:.1f} for "
      "each.\n",
      date, env::allowed_processors().size(), processor(), cells.empty() ? 0 : cells.front().seconds, clients,
      idle, idle / clients);
  for (const Script* script : scripts(cells)) {
    const auto first =
        std::ranges::find_if(cells, [&](const CellFigures& c) { return c.cell.script == script; });
    const std::string game(script->game->name());
    text += "\n### " + title_of(*first) + "\n\n";
    text += "Perceived input delay, ms: median (95th percentile)\n\n";
    text += "![Perceived input delay in " + game + "](plots/sync-delay-" + game + ".svg)\n\n";
    text += table(cells, script, delay_columns());
    text += "\nWhat a client costs: UDP payloads, processor time\n\n" + table(cells, script, cost_columns());
    text += "\nWhat showing ahead costs\n\n" + table(cells, script, prediction_columns());
  }
  text += "\n### Both beside each other\n\n![Bandwidth a client](plots/sync-bandwidth.svg)\n\n";
  text += "![Processor time a client](plots/sync-cpu.svg)\n";
  return text;
}

Result<void> write_report(env::FileSystem& files, const std::string& folder,
                          std::span<const CellFigures> cells, const std::string& date) {
  const std::string page = folder + "/sync-models.md";
  const auto read = env::read_file(files, page, kMostPageBytes);
  if (!read) return Error(read.error());
  std::string text(as_text(*read));
  const std::size_t begins = text.find(kTableBegins), ends = text.find(kTableEnds);
  if (begins == std::string::npos || ends == std::string::npos || ends < begins) {
    return Error{ErrorCode::mismatch, page + " has no place for the table: the lines '" + kTableBegins +
                                          "' and '" + kTableEnds + "' are to stand around it"};
  }
  const std::size_t after = begins + std::string_view(kTableBegins).size();
  text.replace(after, ends - after, "\n" + to_markdown(cells, date) + "\n");
  if (auto made = files.make_folder(folder + "/plots"); !made) return made;
  for (const Plot& plot : to_plots(cells)) {
    if (auto written = env::write_file_atomic(files, folder + "/plots/" + plot.name, as_bytes(plot.svg));
        !written) {
      return written;
    }
  }
  return env::write_file_atomic(files, page, as_bytes(std::string_view(text)));
}

}  // namespace drumline::bench
