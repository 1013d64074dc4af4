#include "server_figures.hpp"

#include <sys/resource.h>

namespace drumline::bench {
namespace {

double process_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto s = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return s(usage.ru_utime) + s(usage.ru_stime);
}

}  // namespace

Figure distribution(const char* name, const char* unit, const Histogram& values, double scale) {
  Figure figure;
  figure.name = name;
  figure.unit = unit;
  figure.value = values.mean() * scale;
  figure.p50 = static_cast<double>(values.percentile(50)) * scale;
  figure.p99 = static_cast<double>(values.percentile(99)) * scale;
  figure.p999 = static_cast<double>(values.percentile(99.9)) * scale;
  figure.n = values.count();
  return figure;
}

Figure plain(const char* name, double value, const char* unit) {
  Figure figure;
  figure.name = name;
  figure.value = value;
  figure.unit = unit;
  return figure;
}

Moment Moment::since(const Moment& before) const {
  Moment passed;
  passed.lateness_ns = lateness_ns.since(before.lateness_ns);
  passed.work_ns = work_ns.since(before.work_ns);
  passed.schedule_ns = schedule_ns.since(before.schedule_ns);
  passed.delivery_ns = delivery_ns.since(before.delivery_ns);
  passed.commit_ns = commit_ns.since(before.commit_ns);
  passed.allocations = allocations - before.allocations;
  passed.ticks = ticks - before.ticks;
  passed.shifts = shifts - before.shifts;
  passed.frames = frames - before.frames;
  passed.frame_bytes = frame_bytes - before.frame_bytes;
  passed.dropped = dropped - before.dropped;
  passed.skipped = skipped - before.skipped;
  passed.closed = closed - before.closed;
  for (std::size_t i = 0; i < env::kPhases; ++i) passed.phase_ns[i] = phase_ns[i] - before.phase_ns[i];
  passed.cpu_s = cpu_s - before.cpu_s;
  return passed;
}

double Moment::bytes_per_frame() const {
  return frames > 0 ? static_cast<double>(frame_bytes) / static_cast<double>(frames) : 0;
}

double Moment::cpu_us_per_frame() const {
  return frames > 0 ? cpu_s * 1e6 / static_cast<double>(frames) : 0;
}

double Moment::phase_us_per_frame(env::Phase phase) const {
  const auto ns = static_cast<double>(phase_ns[static_cast<std::size_t>(phase)]);
  return frames > 0 ? ns * 1e-3 / static_cast<double>(frames) : 0;
}

Moment look(const server::Server& server) {
  Moment at;
  for (const server::ShardFigures& shard : server.battles().shards()) {
    at.lateness_ns.merge(shard.ticks->lateness_ns);
    at.work_ns.merge(shard.battles->work_ns);
    at.allocations += shard.ticks->allocations.value();
    at.shifts += shard.ticks->schedule_shifts.value();
    at.ticks += shard.battles->ticks.value();
  }
  for (const server::JournalFigures& journal : server.battles().journals())
    at.commit_ns.merge(*journal.commit_ns);
  for (const auto& gateway : server.gateways()) {
    at.schedule_ns.merge(gateway->schedule_ns());
    at.delivery_ns.merge(gateway->delivery_ns());
    for (std::size_t i = 0; i < env::kPhases; ++i)
      at.phase_ns[i] += gateway->phases().total_ns(static_cast<env::Phase>(i));
    at.frames += gateway->gateway_counters().client_frames_sent.value();
    at.frame_bytes += gateway->gateway_counters().client_frame_bytes.value();
    at.dropped += gateway->gateway_counters().client_frames_dropped.value();
    at.skipped += gateway->gateway_counters().client_frames_skipped.value();
    at.closed += gateway->gateway_counters().sessions_closed.value();
  }
  at.cpu_s = process_cpu_s();
  return at;
}

}  // namespace drumline::bench
