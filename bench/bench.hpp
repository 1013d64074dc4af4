// Benchmarks that anyone can rerun: `drumline bench NAME`. Each measures itself
// against a raw limit in the same run where one exists. Nothing is extrapolated.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "world/rules.hpp"

namespace drumline::bench {

/// One printed figure. `value` is the mean, or the count; percentiles where there
/// is a distribution; the rival is in the same unit and from the same run.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> p50{}, p99{}, p999{};
  std::optional<u64> n{};
  struct Rival {
    std::string name;
    double value = 0;
  };
  std::optional<Rival> rival{};
};

/// Where the players of a crowd are, and what happens to them while it is measured.
enum class Layout : u8 {
  spread,    ///< all over the map, as they came
  boss,      ///< in one spot, put back there every 3 s
  teleport,  ///< each put somewhere else, every second
  death,     ///< all fall, every 2 s
  join,      ///< half of them come while it is measured
};
inline constexpr std::string_view kLayouts[] = {"spread", "boss", "teleport", "death", "join"};

struct Options {
  double seconds = 3;          ///< how long to measure, each figure
  u32 players = 0;             ///< 0: the benchmark's own default
  u32 count = 0;               ///< of battles or connections; 0: likewise
  std::string send_hz = "62";  ///< density: state messages a second to each player, or "tiered"
  bool tiered() const { return send_hz == "tiered"; }
  u32 clients_per_port = 128;      ///< bots that share a UDP port; 1: each has its own
  Layout layout = Layout::spread;  ///< density
  u32 step = 500;                  ///< density: so many players more each time
  u32 busy = 4;                    ///< overload: processes that want a processor each
  bool quick = false;              ///< sync: one condition only, to see that it works
  std::string write;    ///< sync, density: the documentation's folder, whose plots (and tables) are written;
                        ///< empty: none
  std::string connect;  ///< hold: the server's address …
  std::string pki;      ///< … and the folder with its authority and the client's certificate
  u32 idle_timeout_s = 30;  ///< hold
  std::string folder;       ///< scratch folder on the disk to measure; made and removed by the caller
  std::vector<const world::Game*> games;   ///< that a benchmark may run, the first by default
  const std::atomic<int>* stop = nullptr;  ///< not 0: end early
  bool stopped() const { return stop != nullptr && stop->load() != 0; }
};

using Report = std::function<void(const Figure&)>;

/// Each runs one family of figures and reports them as it goes.
Result<void> run_wire(const Options& options, const Report& report);
Result<void> run_journal(const Options& options, const Report& report);
Result<void> run_broadcast(const Options& options, const Report& report);
Result<void> run_tick(const Options& options, const Report& report);
Result<void> run_density(const Options& options, const Report& report);
Result<void> run_overload(const Options& options, const Report& report);
Result<void> run_hash(const Options& options, const Report& report);
Result<void> run_snapshot(const Options& options, const Report& report);
Result<void> run_rollback(const Options& options, const Report& report);
Result<void> run_verify(const Options& options, const Report& report);
Result<void> run_recovery(const Options& options, const Report& report);
Result<void> run_battles(const Options& options, const Report& report);
Result<void> run_gateway(const Options& options, const Report& report);
Result<void> run_handshake(const Options& options, const Report& report);
/// Idle connections by the thousand on a whole server; the clients' end of it is run_hold.
Result<void> run_idle(const Options& options, const Report& report);
Result<void> run_hold(const Options& options, const Report& report);
Result<void> run_sync(const Options& options, const Report& report);

}  // namespace drumline::bench
