// Loss costs freshness and nothing else: how old what clients hold is, and what they are
// sent, at 0 to 40 percent of all datagrams lost, both ways.
#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

constexpr u32 kClients = 40;
constexpr u32 kWarmUpTicks = 150;
constexpr u32 kTicks = 350;

struct Outcome {
  std::vector<u32> staleness;  ///< of each entity that a client may see, at each tick; sorted
  u64 bytes = 0;
  u64 key_bytes = 0;
  std::size_t largest = 0;
  u64 missing = 0;  ///< near entities that a client did not hold

  u32 quantile(double q) const {
    return staleness[static_cast<std::size_t>(q * double(staleness.size() - 1))];
  }
  double bytes_per_client_and_tick() const { return double(bytes) / (kClients * kTicks); }
};

/// Near enough to be sent to at every tick.
bool is_near(const MovingWorld& world, EntityId from, EntityId to) {
  const u64 reach = static_cast<u64>(Fixed::from_int(30).raw);
  return world::raw_length_squared(world.place_of(from) - world.place_of(to)) <= reach * reach;
}

Outcome run(u32 loss_percent) {
  MovingWorld world(600, 100, 500, 31);
  Server server(world, {.cell_size = Fixed::from_int(30)});
  const InterestPlan plan{InterestSettings{}};
  std::vector<std::unique_ptr<Client>> clients;
  Outcome outcome;
  bool counts = false;
  for (u32 i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Client>(plan, PlayerSlot{i * 13}, server.encoder->schema(), 31 + i));
    clients.back()->on_sent = [&](Bytes datagram) {
      if (!counts) return;
      outcome.bytes += datagram.size();
      outcome.largest = std::max(outcome.largest, datagram.size());
      for_each_chunk(datagram, [&](const SentChunk& chunk) {
        if (chunk.is_key) outcome.key_bytes += chunk.body.size();
      });
    };
  }
  for (u32 t = 0; t < kWarmUpTicks + kTicks; ++t) {
    counts = t >= kWarmUpTicks;
    world.step();
    server.tick();
    const u32 now = static_cast<u32>(world.world().tick());
    for (auto& client : clients) {
      client->tick(server.cache, {.loss_percent = loss_percent, .delay_ticks = 2}, [](Bytes) {});
      if (!counts || t % 8 != 0) continue;
      const EntityId self = world.players()[client->view.player().value];
      std::map<u64, u32> held;
      client->decoder.for_each(
          [&](const StateDecoder::Entity& entity) { held[entity.id().value] = entity.tick(); });
      for (const EntityId id : world.players()) {
        if (!is_near(world, self, id)) continue;
        const auto known = held.find(id.value);
        if (known == held.end())
          ++outcome.missing;
        else
          outcome.staleness.push_back(now - known->second);
      }
    }
  }
  std::sort(outcome.staleness.begin(), outcome.staleness.end());
  return outcome;
}

TEST(Convergence, loss_makes_what_is_near_older_by_little_and_costs_no_bandwidth) {
  struct Bound {
    u32 loss_percent, p50, p99;
  };
  double clean_bytes = 0;
  for (const Bound& bound : {Bound{0, 3, 4}, Bound{5, 3, 6}, Bound{20, 3, 9}, Bound{40, 3, 24}}) {
    const Outcome outcome = run(bound.loss_percent);
    SCOPED_TRACE(bound.loss_percent);
    EXPECT_LE(outcome.quantile(0.5), bound.p50);
    EXPECT_LE(outcome.quantile(0.99), bound.p99);
    EXPECT_LE(outcome.missing, outcome.staleness.size() / 25) << "of what is near, nearly all is held";
    EXPECT_LE(outcome.largest, kDefaultDatagramBudget);
    if (bound.loss_percent == 0) clean_bytes = outcome.bytes_per_client_and_tick();
    EXPECT_LE(outcome.bytes_per_client_and_tick(), clean_bytes * 1.15);
    EXPECT_LE(outcome.key_bytes, outcome.bytes / 5) << "key frames sent again do not drive out the rest";
  }
}

}  // namespace
}  // namespace drumline::broadcast::testing
