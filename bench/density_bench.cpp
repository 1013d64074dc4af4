// One map, ever more crowded: every player sent to at every tick, from a few hundred to as
// many as the machine bears.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/log.hpp"
#include "bench/bench.hpp"
#include "bench/svg_chart.hpp"
#include "crowd.hpp"
#include "env/file.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kDefaultMost = 3000;
constexpr u32 kDefaultMostTiered = 10'000;

// What a player must be able to rely on; the first crowd without it is the last measured.
constexpr u64 kLatenessP99Ns = kMillisecondNs;
constexpr double kInterarrivalP99Ms = 24;
constexpr double kDelivered = 0.999;

/// With tiers those with nobody near are sent to less often: on the average so often at least.
constexpr double kTieredHz = 15;

/// What of that does not hold, in words; empty: all does.
std::string shortfall(const Crowd& crowd, bool tiered) {
  std::vector<std::string> missed;
  if (crowd.seated < crowd.players) missed.push_back(fmt::format("{} have a seat", crowd.seated));
  if (crowd.passed.shifts != 0) missed.push_back(fmt::format("{} ticks skipped", crowd.passed.shifts));
  if (crowd.rung != 0) missed.push_back(fmt::format("overload rung {}", crowd.rung));
  if (const u64 p99 = crowd.passed.lateness_ns.percentile(99); p99 >= kLatenessP99Ns)
    missed.push_back(fmt::format("lateness p99 {:.2f} ms", static_cast<double>(p99) * 1e-6));
  if (tiered) {
    const double hz = crowd.frames_per_s() / crowd.players;
    if (hz < kTieredHz) missed.push_back(fmt::format("{:.1f} frames a second and player", hz));
    return fmt::format("{}", fmt::join(missed, ", "));
  }
  if (const auto& times = crowd.bots.interarrival; !times || times->p99.value_or(0) >= kInterarrivalP99Ms)
    missed.push_back(times ? fmt::format("frames {:.1f} ms apart (p99)", times->p99.value_or(0))
                           : "no frames");
  if (const double share = crowd.bots.delivered.value_or(0); share < kDelivered)
    missed.push_back(fmt::format("{:.2f} % delivered", share * 100));
  return fmt::format("{}", fmt::join(missed, ", "));
}

LineChart chart_over_players(const std::vector<Crowd>& crowds) {
  LineChart chart;
  chart.x_label = "players on one map, each sent to at every tick";
  for (const Crowd& crowd : crowds) chart.ticks.push_back(crowd.players);
  return chart;
}

template <class Value>
LineChart::Line line(const std::vector<Crowd>& crowds, std::size_t colour, Value value) {
  LineChart::Line made{.colour = colour};
  for (const Crowd& crowd : crowds) made.values.push_back(value(crowd));
  return made;
}

std::string cost_plot(const std::vector<Crowd>& crowds) {
  LineChart chart = chart_over_players(crowds);
  chart.title = "Processor time a client-frame";
  chart.y_label = "µs";
  chart.colours = {"server, all of it", "bare sendmmsg of the same bytes", "bots"};
  chart.panels = {{"",
                   {line(crowds, 0, [](const Crowd& c) { return c.passed.cpu_us_per_frame(); }),
                    line(crowds, 1, [](const Crowd& c) { return c.raw_send_us; }),
                    line(crowds, 2, [](const Crowd& c) { return c.bots.cpu_us.value_or(-1); })}}};
  return to_svg(chart);
}

std::string cores_plot(const std::vector<Crowd>& crowds) {
  LineChart chart = chart_over_players(crowds);
  chart.title = "Processors in use";
  chart.y_label = "cores";
  chart.colours = {"server", "server and bots"};
  const auto server = [](const Crowd& c) { return c.passed.cpu_s / c.seconds; };
  chart.panels = {{"", {line(crowds, 0, server), line(crowds, 1, [&](const Crowd& c) {
                          return server(c) + c.bots.cpu_us.value_or(0) * 1e-6 * c.frames_per_s();
                        })}}};
  return to_svg(chart);
}

}  // namespace

Result<void> run_density(const Options& options, const Report& report) {
  const u32 most = options.players != 0 ? options.players
                   : options.tiered()   ? kDefaultMostTiered
                                        : kDefaultMost;
  std::vector<Crowd> crowds;
  std::string missed;
  const u32 step = options.step;
  for (u32 players = std::min(step, most); missed.empty(); players = std::min(players + step, most)) {
    auto crowd = measure_crowd(options, players);
    if (!crowd) return std::move(crowd).error();
    if (options.stopped()) return {};
    missed = shortfall(*crowd, options.tiered());
    const std::string prefix = fmt::format("density/{}/", players);
    report_crowd(prefix, *crowd, report);
    report(plain((prefix + "send_rate").c_str(), crowd->frames_per_s() / players, "Hz"));
    report(plain((prefix + "seated").c_str(), crowd->seated, "count"));
    report(plain((prefix + "holds").c_str(), missed.empty() ? 1 : 0, "count"));
    if (!missed.empty()) log_warning("density: {} players are too many: {}", players, missed);
    crowds.push_back(std::move(*crowd));
    if (players == most) break;
  }
  if (options.write.empty()) return {};
  const auto files = env::make_system_files();
  const std::string folder = options.write + "/plots";
  if (auto made = files->make_folder(folder); !made) return made;
  const std::array plots{std::pair{"density-cost.svg", cost_plot(crowds)},
                         std::pair{"density-cores.svg", cores_plot(crowds)}};
  for (const auto& [name, svg] : plots) {
    const std::string path = folder + "/" + name;
    if (auto written = env::write_file_atomic(*files, path, as_bytes(svg)); !written) return written;
  }
  return {};
}

}  // namespace drumline::bench
