// hash/state: the state hash of a big battle. Its rival copies the same bytes.
#include <cstring>

#include "arena_load.hpp"
#include "bench.hpp"
#include "sample_times.hpp"
#include "world/hash.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kDefaultPlayers = 3'000;
constexpr int kWarmUpTicks = 200;

u64 copy_columns(const world::World& world, std::vector<std::byte>& out) {
  std::size_t at = 0;
  for (std::size_t t = 0; t < world.table_count(); ++t) {
    const world::TableBase& table = world.table(t);
    for (std::size_t c = 0; c < table.column_count(); ++c) {
      const Bytes bytes = table.column_bytes(c);
      if (!bytes.empty()) std::memcpy(out.data() + at, bytes.data(), bytes.size());
      at += bytes.size();
    }
  }
  return at;
}

}  // namespace

Result<void> run_hash(const Options& options, const Report& report) {
  const u32 players = options.players != 0 ? options.players : kDefaultPlayers;
  auto load = ArenaLoad::make(players);
  if (!load) return std::move(load).error();
  for (int i = 0; i < kWarmUpTicks; ++i) {
    (*load)->command();
    (*load)->step();
  }
  const world::World& world = (*load)->rules().world();
  const u64 bytes = world::hashed_bytes(world);
  std::vector<std::byte> copy(bytes);
  SampleTimes hash_times;
  SampleTimes copy_times;
  u64 sink = 0;
  // Alternating, so that both see the same machine.
  sample_for(options.seconds, hash_times, [&] {
    hash_times.time_on_core([&] { sink ^= world::hash_world(world).combined; });
    copy_times.time_on_core([&] { sink += copy_columns(world, copy); });
  });
  if (sink == 1) return Error{ErrorCode::internal, "hash bench: unlikely"};
  const auto gigabytes_per_s = [&](double ns) { return static_cast<double>(bytes) / ns; };
  Figure figure;
  figure.name = std::string("hash/state");
  figure.unit = std::string("GB/s");
  figure.value = gigabytes_per_s(hash_times.mean_ns());
  figure.p50 = gigabytes_per_s(hash_times.percentile_ns(0.5));
  figure.p99 = gigabytes_per_s(hash_times.percentile_ns(0.99));
  figure.p999 = gigabytes_per_s(hash_times.percentile_ns(0.999));
  figure.n = hash_times.count();
  figure.rival = Figure::Rival{"memcpy", gigabytes_per_s(copy_times.mean_ns())};
  report(figure);
  return {};
}

}  // namespace drumline::bench
