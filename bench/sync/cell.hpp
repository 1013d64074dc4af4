// One cell of the table: real clients of one model against a real server, with a bad
// network between them.
#pragma once

#include <atomic>
#include <string>

#include "base/result.hpp"
#include "bench/sync/sync_player.hpp"
#include "world/sync_model.hpp"

namespace drumline::bench {

struct Cell {
  const Script* script = nullptr;
  world::SyncModel model{};
  u32 round_trip_ms = 0;
  u32 loss_percent = 0;
};

/// How often the server sends state: every tick in state broadcast, as a game that
/// predicts and smooths would ask for in frame sync.
u32 send_hz_of(world::SyncModel model);

struct CellOptions {
  std::string folder;  ///< for the server's data; made and removed
  u32 players = 16;    ///< a multiple of the script's players_in_battle (asserted)
  double seconds = 3;  ///< of measuring, after joining and settling
  const std::atomic<int>* stop = nullptr;
};

/// Means over the clients and the measured time.
struct CellFigures {
  Cell cell;
  u32 players = 0;
  double seconds = 0;
  // One client's share, in UDP payloads, before anything is lost.
  double down_bytes_per_s = 0, up_bytes_per_s = 0;
  double down_packets_per_s = 0, up_packets_per_s = 0;
  /// Processor time a second: the server's process by the clients that it serves, the
  /// clients' thread likewise.
  double server_cpu_us_per_s = 0, client_cpu_us_per_s = 0;
  InputProbe::Delays delays;
  PredictionCost cost;
  double commands_per_s = 0;
  double input_delay_ticks = 0;  ///< at the end
  double idle_cpu_us_per_s = 0;  ///< of the server's process with its battles, before anyone came
  u64 commands = 0;              ///< of all
  i64 longest_stall_ns = 0;      ///< of any client: nothing new was confirmed
};

Result<CellFigures> run_cell(const Cell& cell, const CellOptions& options);

}  // namespace drumline::bench
