// The overload ladder at work: a crowd, for a while with processes beside it that want every
// processor, and then without them again.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bench/bench.hpp"
#include "crowd.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kDefaultPlayers = 1000;
constexpr double kCalmSeconds = 5;
constexpr double kRecoverySeconds = 120;
/// The bots outlast it all.
constexpr double kSpareSeconds = 60;
constexpr i64 kLookNs = 100 * kMillisecondNs;

/// What was seen in a phase.
struct Phase {
  std::array<double, battle::kRungs> seconds_on{};  ///< each rung
  std::array<Histogram, battle::kRungs> lateness_ns;
  u32 highest = 0;
  i64 slowest_percent = 100;
  Moment passed;

  Histogram lateness_up_to(u32 rung) const {
    Histogram sum;
    for (u32 i = 0; i <= rung; ++i) sum.merge(lateness_ns[i]);
    return sum;
  }
};

/// Looks on for `seconds`, or until `done`.
Phase watch(CrowdStage& stage, double seconds, bool until_normal) {
  const env::SystemClock clock;
  const server::OverloadWatch::Counters& ladder = stage.server().overload().counters();
  Phase phase;
  const Moment before = look(stage.server());
  Histogram seen = before.lateness_ns;
  const TimeNs end = clock.now() + static_cast<TimeNs>(seconds * 1e9);
  for (TimeNs last = clock.now(); last < end;) {
    if (!stage.pass(static_cast<double>(kLookNs) * 1e-9)) break;
    const TimeNs now = clock.now();
    const auto rung = static_cast<u32>(ladder.rung.value());
    const Histogram lateness = look(stage.server()).lateness_ns;
    phase.lateness_ns[rung].merge(lateness.since(seen));
    seen = lateness;
    phase.seconds_on[rung] += static_cast<double>(now - last) * 1e-9;
    phase.highest = std::max(phase.highest, rung);
    phase.slowest_percent = std::max(phase.slowest_percent, ladder.pace_percent.value());
    last = now;
    if (until_normal && rung == 0) break;
  }
  phase.passed = look(stage.server()).since(before);
  return phase;
}

void report_phase(const std::string& prefix, const Phase& phase, const Report& report) {
  const auto tell = [&](const std::string& name, Figure figure) {
    figure.name = prefix + name;
    report(figure);
  };
  tell("rung", plain("", phase.highest, "rung"));
  for (u32 rung = 0; rung <= phase.highest; ++rung)
    tell(fmt::format("on_rung_{}", rung), plain("", phase.seconds_on[rung], "s"));
  tell("pace", plain("", static_cast<double>(phase.slowest_percent), "%"));
  tell("lateness", distribution("", "us", phase.passed.lateness_ns, 1e-3));
  // Up to where no tick may be felt.
  tell("lateness_undilated",
       distribution("", "us", phase.lateness_up_to(static_cast<u32>(battle::Rung::no_joins)), 1e-3));
  tell("skipped", plain("", static_cast<double>(phase.passed.shifts), "count"));
  tell("delivery", distribution("", "us", phase.passed.delivery_ns, 1e-3));
  tell("frames_skipped", plain("", static_cast<double>(phase.passed.skipped), "count"));
  tell("sessions_lost", plain("", static_cast<double>(phase.passed.closed), "count"));
  tell("server_cpu", plain("", phase.passed.cpu_us_per_frame(), "us"));
}

}  // namespace

Result<void> run_overload(const Options& options, const Report& report) {
  const u32 players = options.players != 0 ? options.players : kDefaultPlayers;
  const double busy_s = std::max(options.seconds, 3.0);
  auto started = CrowdStage::start(options, players);
  if (!started) return std::move(started).error();
  CrowdStage& stage = **started;
  if (auto added = stage.add_bots(players, kCalmSeconds * 2 + busy_s + kRecoverySeconds + kSpareSeconds);
      !added)
    return added;
  auto all = stage.wait_until_seated(players);
  if (!all) return std::move(all).error();
  report(plain("overload/players", stage.seated(), "count"));
  stage.pass(kCalmSeconds);
  report_phase("overload/before/", watch(stage, kCalmSeconds, false), report);
  {
    std::vector<ChildProcess> busy;
    for (u32 i = 0; i < options.busy; ++i) {
      auto process = ChildProcess::start("/bin/sh", {"-c", "while :; do :; done"});
      if (!process) return std::move(process).error();
      busy.push_back(std::move(*process));
    }
    report_phase("overload/busy/", watch(stage, busy_s, false), report);
  }
  const env::SystemClock clock;
  const TimeNs calm_since = clock.now();
  const Phase after = watch(stage, kRecoverySeconds, true);
  report(plain("overload/after/recovery", static_cast<double>(clock.now() - calm_since) * 1e-9, "s"));
  report_phase("overload/after/", after, report);
  return {};
}

}  // namespace drumline::bench
