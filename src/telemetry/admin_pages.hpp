// The paths that every node serves on its admin endpoint.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "telemetry/admin_server.hpp"

namespace drumline::telemetry {

/// /ready is 200 when `ready`, else 503 with the reason.
struct Readiness {
  bool ready = false;
  std::string reason;  ///< "recovering battle 1: tick 512 of 9,000"
};

/// Figures for the console's plots; microseconds where the name says so.
struct ServerStats {
  u64 tick = 0;
  u64 players = 0;
  u64 sessions = 0;
  double lateness_us_p50 = 0;
  double lateness_us_p99 = 0;
  double lateness_us_p999 = 0;
  double client_frames_per_s = 0;
  u64 skipped_ticks = 0;
  double journal_commit_us_p50 = 0;
  double journal_commit_us_p99 = 0;
  u64 memory_bytes = 0;
  double uptime_s = 0;
};
std::string to_json(const ServerStats& stats);

struct ConsoleInfo {
  u16 websocket_port = 0;
  std::string websocket_path;
  std::string token_url = "/token";
  std::string game;
  std::string version;
};
std::string to_json(const ConsoleInfo& info);

enum class Seat : u8 { spectator, player };
/// Longest name that /token takes, bytes.
inline constexpr std::size_t kMaxTokenNameBytes = 23;

struct IssuedToken {
  std::string token;
  i64 expires_at_s = 0;  ///< seconds since 1970
};

/// Where the pages come from. All run on the admin thread; `registry` outlives the server.
struct AdminSources {
  MetricsRegistry* registry = nullptr;
  std::function<Readiness()> readiness;
  std::function<std::string()> configuration_json;
  std::function<ServerStats()> stats;
  std::function<ConsoleInfo()> console;
  /// Absent where development tokens are off: /token then says so (403).
  std::function<Result<IssuedToken>(Seat seat, const std::string& name)> issue_token;
};

/// Adds /live, /ready, /metrics, /config, /stats.json, /console.json and /token.
void add_admin_pages(AdminServer& server, AdminSources sources);

}  // namespace drumline::telemetry
