// snapshot/*: what it costs to write down and take up the state of a big battle.
#include "arena_load.hpp"
#include "bench.hpp"
#include "sample_times.hpp"
#include "world/delta.hpp"
#include "world/snapshot.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kDefaultPlayers = 3'000;
constexpr int kWarmUpTicks = 200;
// A delta snapshot is due 10 times a second: every 6th tick.
constexpr int kDeltaTicks = 6;
// A client that predicts saves each tick and takes back a few.
constexpr u32 kDuelPlayers = 2;
constexpr int kTicksBack = 8;

/// rollback/save_restore8: the states of eight ticks of a small world saved, and taken
/// back one after another.
Result<void> run_save_restore(const Options& options, const Report& report) {
  auto made = ArenaLoad::make(kDuelPlayers);
  if (!made) return std::move(made).error();
  ArenaLoad& live = **made;
  std::vector<std::unique_ptr<ArenaLoad>> saved;
  for (int i = 0; i < kTicksBack; ++i) {
    auto copy = ArenaLoad::make(kDuelPlayers);
    if (!copy) return std::move(copy).error();
    saved.push_back(std::move(copy).value());
  }
  world::World& world = live.rules().world();
  SampleTimes times(100'000);
  sample_for(options.seconds / 4, times, [&] {
    double save_ns = 0;
    for (auto& copy : saved) {
      live.command();
      live.step();
      save_ns += SampleTimes::on_core_ns([&] { copy->rules().world().copy_from(world); });
    }
    times.add(save_ns + SampleTimes::on_core_ns([&] {
                for (auto copy = saved.rbegin(); copy != saved.rend(); ++copy) {
                  world.copy_from((*copy)->rules().world());
                }
              }));
  });
  report(times.figure_us("rollback/save_restore8"));
  return {};
}

}  // namespace

Result<void> run_snapshot(const Options& options, const Report& report) {
  const u32 players = options.players != 0 ? options.players : kDefaultPlayers;
  auto load = ArenaLoad::make(players);
  if (!load) return std::move(load).error();
  auto target = ArenaLoad::make(players);
  if (!target) return std::move(target).error();
  ArenaLoad& battle = **load;
  const auto run = [&](int ticks) {
    for (int i = 0; i < ticks; ++i) {
      battle.command();
      battle.step();
    }
  };
  run(kWarmUpTicks);

  const world::World& world = battle.rules().world();
  std::vector<std::byte> full;
  std::vector<std::byte> delta;
  SampleTimes full_times;
  SampleTimes restore_times;
  SampleTimes delta_times;
  SampleTimes apply_times;
  SampleTimes copy_times;
  std::size_t delta_bytes = 0;
  std::optional<Error> failed;
  sample_for(options.seconds, full_times, [&] {
    full_times.time_on_core([&] { world::encode_snapshot(world, "arena", full); });
    restore_times.time_on_core([&] {
      auto restored = world::restore_snapshot(full, "arena", (*target)->rules().world());
      if (!restored) failed = restored.error();
    });
    run(kDeltaTicks);
    const auto base = world::read_snapshot(full);
    delta_times.time_on_core([&] {
      auto encoded = world::encode_delta(*base, world, delta);
      if (!encoded) failed = encoded.error();
    });
    delta_bytes += delta.size();
    apply_times.time_on_core([&] {
      auto applied = world::apply_delta(delta, "arena", (*target)->rules().world());
      if (!applied) failed = applied.error();
    });
    run(1);
    copy_times.time_on_core([&] { (*target)->rules().world().copy_from(world); });
  });
  if (failed) return *failed;
  report(full_times.figure_us("snapshot/full"));
  report(delta_times.figure_us("snapshot/delta"));
  report(restore_times.figure_us("snapshot/restore"));
  report(apply_times.figure_us("snapshot/apply_delta"));
  report(copy_times.figure_us("snapshot/copy"));
  Figure size;
  size.name = std::string("snapshot/delta_bytes");
  size.unit = std::string("B");
  size.value = static_cast<double>(delta_bytes) / static_cast<double>(delta_times.count());
  size.n = delta_times.count();
  size.rival = Figure::Rival{"full", static_cast<double>(full.size())};
  report(size);
  return run_save_restore(options, report);
}

}  // namespace drumline::bench
