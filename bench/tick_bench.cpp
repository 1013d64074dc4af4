// The tick: its step by itself, and in a running server with real clients.
#include "arena_load.hpp"
#include "bench/bench.hpp"
#include "crowd.hpp"
#include "env/clock.hpp"
#include "world/hash.hpp"

namespace drumline::bench {
namespace {

Result<void> measure_step(const Options& options, const Report& report) {
  auto load = ArenaLoad::make(options.players != 0 ? options.players : 1000);
  if (!load) return std::move(load).error();
  const env::SystemClock clock;
  Histogram step_ns;
  const TimeNs end = clock.now() + static_cast<TimeNs>(options.seconds * 1e9);
  u64 hash = 0;
  while (clock.now() < end) {
    (*load)->command();
    const TimeNs begun = clock.now();
    (*load)->step();
    hash ^= world::hash_world((*load)->rules().world()).combined;
    step_ns.record(static_cast<u64>(clock.now() - begun));
  }
  Figure figure = distribution("tick/step", "ns", step_ns, 1.0 / (*load)->players());
  // Printing the hash keeps the compiler from dropping it.
  if (hash == 0) figure.n = 0;
  report(figure);
  return {};
}

}  // namespace

Result<void> run_tick(const Options& options, const Report& report) {
  if (auto stepped = measure_step(options, report); !stepped) return stepped;

  auto crowd = measure_crowd(options, options.players != 0 ? options.players : 1000);
  if (!crowd) return std::move(crowd).error();
  if (crowd->seated < crowd->players) {
    return options.stopped()
               ? Result<void>()
               : Error{ErrorCode::timeout, "only " + std::to_string(crowd->seated) + " of " +
                                               std::to_string(crowd->players) + " bots found a seat in time"};
  }
  report_crowd("tick/", *crowd, report);
  return {};
}

}  // namespace drumline::bench
