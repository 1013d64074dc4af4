// Figures of a running server, for benchmarks that have one.
#pragma once

#include <array>

#include "base/histogram.hpp"
#include "bench/bench.hpp"
#include "env/phase_clock.hpp"
#include "server/server.hpp"

namespace drumline::bench {

/// Of values in ns, scaled to `unit`.
Figure distribution(const char* name, const char* unit, const Histogram& values, double scale);
Figure plain(const char* name, double value, const char* unit);

/// Counters at one moment; figures are differences of two.
struct Moment {
  Histogram lateness_ns, work_ns, schedule_ns, commit_ns;
  Histogram delivery_ns;
  u64 allocations = 0, ticks = 0, shifts = 0, frames = 0, frame_bytes = 0, dropped = 0, skipped = 0,
      closed = 0;
  std::array<u64, env::kPhases> phase_ns{};  ///< of the gateway threads
  double cpu_s = 0;

  /// What happened since then.
  Moment since(const Moment& before) const;
  // Of what happened, for each frame sent to a client; 0 when there was none.
  double bytes_per_frame() const;
  double cpu_us_per_frame() const;
  double phase_us_per_frame(env::Phase phase) const;
};

/// All shards and gateways together.
Moment look(const server::Server& server);

}  // namespace drumline::bench
