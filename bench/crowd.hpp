// One battle of arena on a server of its own with a crowd of bots over QUIC, measured
// once all have their seats: what `bench tick` and `bench density` have in common.
#pragma once

#include "bench/bench.hpp"
#include "server_figures.hpp"

namespace drumline::bench {

struct Crowd {
  u32 players = 0;         ///< wanted
  u32 seated = 0;          ///< found a seat in time; fewer than `players` where the machine is full
  double seconds = 0;      ///< measured
  Moment passed;           ///< what happened in that time
  double raw_send_us = 0;  ///< the rival: CPU for the same bytes at the same rate by bare sendmmsg
  double memory_kib = 0;   ///< of the server for each player, over one without any
  double resident_mib = 0;

  /// The bots' side.
  struct Bots {
    std::optional<double> seated_after_s;
    std::optional<Figure> interarrival;  ///< ms between a client's frames
    std::optional<double> delivered;     ///< share of the frames that were due
    std::optional<double> entities_per_frame;
    std::optional<double> cpu_us;  ///< for each frame
  } bots;

  double frames_per_s() const { return static_cast<double>(passed.frames) / seconds; }
};

/// `options.folder` gets the server's data. Ends early, with what it has, when
/// `options.stop` says so.
Result<Crowd> measure_crowd(const Options& options, u32 players);

/// Its figures, each under `prefix` and its own name.
void report_crowd(const std::string& prefix, const Crowd& crowd, const Report& report);

}  // namespace drumline::bench
