// The paths that every node serves on its admin endpoint.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

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
  u32 overload_rung = 0;  ///< of the overload ladder, 0: there is time for everything
  std::string overload_rung_name;
  u32 pace_percent = 100;
  std::string overload_reason;
};
std::string to_json(const ServerStats& stats);

struct ConsoleInfo {
  u16 websocket_port = 0;
  std::string websocket_path;
  u16 webtransport_port = 0;      ///< UDP; 0: it is not served
  std::string webtransport_hash;  ///< SHA-256 of its certificate, hexadecimal; empty: one that browsers trust
  std::string token_url = "/token";
  std::string game;
  std::string version;
};
std::string to_json(const ConsoleInfo& info);

/// One battle, for /battles.
struct BattleInfo {
  u64 id = 0;
  std::string game;
  std::string sync_model;
  u64 tick = 0;
  u32 players = 0;
  u32 max_players = 0;
  u32 shard = 0;
  u32 failures = 0;
  bool open = true;
};
std::string to_json(std::span<const BattleInfo> battles);

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
  std::function<std::vector<BattleInfo>()> battles;
  std::function<Result<u64>()> create_battle;
  std::function<Result<void>(u64 battle)> end_battle;
  std::function<Result<void>(u64 battle, Bytes message)> tell;
  std::function<Result<std::vector<std::byte>>(u64 battle, Bytes question)> ask;
  /// A battle's state after a tick, as docs/formats/snapshot.md says.
  std::function<Result<std::vector<std::byte>>(u64 battle)> snapshot;
  /// Absent where development tokens are off: /token then says so (403).
  std::function<Result<IssuedToken>(Seat seat, const std::string& name)> issue_token;
};

/// Adds /live, /ready, /metrics, /config, /stats.json, /console.json, /token, /battles and
/// /battles/snapshot; to be posted to: /battles/create, /battles/end, /battles/tell and
/// /battles/ask.
void add_admin_pages(AdminServer& server, AdminSources sources);

}  // namespace drumline::telemetry
