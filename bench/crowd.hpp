// One battle of arena on a server of its own with a crowd of bots over QUIC: what `bench tick`,
// `bench density` and `bench overload` have in common.
#pragma once

#include <memory>

#include "bench/bench.hpp"
#include "bench/child_process.hpp"
#include "env/clock.hpp"
#include "server_figures.hpp"
#include "telemetry/process_stats.hpp"

namespace drumline::bench {

/// What a process of bots reports.
struct BotFigures {
  std::optional<double> seated_after_s;
  std::optional<Figure> interarrival;  ///< ms between a client's frames
  std::optional<double> delivered;     ///< share of the frames that were due
  std::optional<double> entities_per_frame;
  std::optional<double> cpu_us;  ///< for each frame
};

/// A server in this process and its bots in others. Stops both when it goes.
class CrowdStage {
 public:
  /// `options.folder` gets the server's data.
  /// `more`: keys of the configuration and their values, over what a crowd needs.
  static Result<std::unique_ptr<CrowdStage>> start(
      const Options& options, u32 players, const std::vector<std::pair<std::string, std::string>>& more = {});
  ~CrowdStage();

  /// Bots that play for so long once all have a seat.
  Result<void> add_bots(u32 count, double seconds);
  /// Until so many have a seat. False: not in time, or `options.stop` says so.
  Result<bool> wait_until_seated(u32 count);
  /// To the battle's rules.
  void tell(std::string_view message);
  /// A while, in small steps; false when the bench is to end early.
  bool pass(double seconds);
  u32 seated() const;
  server::Server& server() { return *server_; }
  /// Each KiB that the server has more than before anybody came, and all of it in MiB.
  std::optional<std::pair<double, double>> memory() const;
  /// Tells the bots to end.
  void end_bots();
  /// Waits for the bots' ends; of each process of them.
  std::vector<BotFigures> finish();

 private:
  explicit CrowdStage(const Options& options) : options_(options) {}

  const Options& options_;
  env::SystemClock clock_;
  std::unique_ptr<server::Server> server_;
  std::vector<ChildProcess> bots_;
  std::optional<telemetry::ProcessStats> idle_;
};

struct Crowd {
  u32 players = 0;         ///< wanted
  u32 seated = 0;          ///< found a seat in time; fewer than `players` where the machine is full
  double seconds = 0;      ///< measured
  Moment passed;           ///< what happened in that time
  double raw_send_us = 0;  ///< the rival: CPU for the same bytes at the same rate by bare sendmmsg
  double memory_kib = 0;   ///< of the server for each player, over one without any
  double resident_mib = 0;
  u32 rung = 0;     ///< the highest of the overload ladder
  BotFigures bots;  ///< of those who were there all the time

  double frames_per_s() const { return static_cast<double>(passed.frames) / seconds; }
};

/// Measures once all have their seats; Layout::join: while the second half comes. Ends early,
/// with what it has, when `options.stop` says so.
Result<Crowd> measure_crowd(const Options& options, u32 players);

/// Its figures, each under `prefix` and its own name.
void report_crowd(const std::string& prefix, const Crowd& crowd, const Report& report);

}  // namespace drumline::bench
