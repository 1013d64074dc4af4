// What the kernel knows of this process, from /proc (proc(5)).
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "telemetry/metrics.hpp"

namespace drumline::telemetry {

struct ProcessStats {
  u64 resident_bytes = 0;
  u64 virtual_bytes = 0;
  double user_cpu_s = 0;
  double system_cpu_s = 0;
  u64 threads = 0;
  u64 descriptors = 0;      ///< open now
  u64 max_descriptors = 0;  ///< soft limit; 0 is none
  double started_s = 0;     ///< seconds since 1970
};

Result<ProcessStats> read_process_stats();

/// Adds process_… metrics with the names that Prometheus' own clients use. Nothing
/// when /proc cannot be read.
void collect_process_stats(MetricSink& sink);

}  // namespace drumline::telemetry
