#include "broadcast_loss.hpp"

#include <memory>
#include <vector>

#include "arena_load.hpp"
#include "base/histogram.hpp"
#include "broadcast/cell_cache.hpp"
#include "broadcast/cell_encoder.hpp"
#include "broadcast/client_view.hpp"
#include "broadcast/state_decoder.hpp"

namespace drumline::bench {
namespace {

using broadcast::StateDecoder;

constexpr u32 kClients = 32;
constexpr u32 kWarmUpTicks = 200;
constexpr u32 kAckDelayTicks = 3;

/// A client, and its acknowledgements on their way.
struct Client {
  Client(const broadcast::InterestPlan& plan, PlayerSlot player, const broadcast::Schema& schema)
      : view(plan, player), decoder(schema) {}

  struct Ack {
    u32 value;
    Tick due;
  };
  broadcast::ClientView view;
  StateDecoder decoder;
  std::vector<Ack> acks;
};

/// One tick of a client: a datagram that may be lost, then its acknowledgements, which may be too.
template <class Lost>
std::size_t run_tick(Client& client, const broadcast::CellCache& cache, Lost lost) {
  std::array<std::byte, broadcast::kDefaultDatagramBudget> datagram;
  const std::size_t size = client.view.assemble(cache, datagram);
  if (!lost()) {
    client.decoder.apply(Bytes(datagram).first(size));
    client.decoder.clear_events();
  }
  std::array<u32, 32> values;
  const std::size_t count = client.decoder.take_acks(values);
  // They are in one command, lost together.
  if (!lost()) {
    for (std::size_t i = 0; i < count; ++i) client.acks.push_back({values[i], cache.tick() + kAckDelayTicks});
  }
  std::erase_if(client.acks, [&](const Client::Ack& ack) {
    if (ack.due > cache.tick()) return false;
    static_cast<void>(client.view.acknowledge(ack.value));
    return true;
  });
  return size;
}

}  // namespace

Result<void> run_broadcast_loss(u32 players, u32 loss_percent, u32 ticks, const Report& report) {
  auto load = ArenaLoad::make(players);
  if (!load) return std::move(load).error();
  world::Rules& rules = (*load)->rules();
  auto made = broadcast::CellEncoder::create(rules.world(), rules.map_size(), {.expected_players = players});
  if (!made) return std::move(made).error();
  broadcast::CellEncoder& encoder = **made;
  const broadcast::InterestPlan plan{broadcast::InterestSettings{}};
  std::vector<std::unique_ptr<Client>> clients;
  for (u32 i = 0; i < std::min(kClients, players); ++i) {
    clients.push_back(std::make_unique<Client>(plan, PlayerSlot{i}, encoder.schema()));
  }
  broadcast::CellCache cache;
  std::vector<u64> frame(encoder.frame_bytes_most() / 8 + 1);
  std::vector<broadcast::SeatState> seats(players);
  world::Rng rng(loss_percent);
  const auto lost = [&] { return rng.below(u64{100}) < loss_percent; };
  Histogram staleness;
  Histogram bytes;
  for (u32 t = 0; t < kWarmUpTicks + ticks; ++t) {
    (*load)->command();
    (*load)->step();
    for (u32 i = 0; i < players; ++i) seats[i] = {rules.entity_of(PlayerSlot{i}), 0};
    const std::size_t size = encoder.encode(
        {.world = rules.world(), .players = players, .seats = seats, .events = (*load)->events()},
        std::as_writable_bytes(std::span(frame)));
    if (auto taken = cache.absorb(std::as_bytes(std::span(frame)).first(size)); !taken) return taken;
    if (cache.take_full_request()) encoder.request_full();
    for (auto& client : clients) {
      const std::size_t sent = run_tick(*client, cache, lost);
      if (t < kWarmUpTicks) continue;
      bytes.record(sent);
      if ((t & 3) != 0) continue;
      client->decoder.for_each([&](const StateDecoder::Entity& entity) {
        staleness.record(static_cast<u32>(cache.tick()) - entity.tick());
      });
    }
  }
  const auto figure = [&](const char* what, const Histogram& from, const char* unit) {
    Figure each;
    each.name = "broadcast/loss/" + std::to_string(loss_percent) + "/" + what;
    each.value = from.mean();
    each.unit = unit;
    each.p50 = static_cast<double>(from.percentile(50));
    each.p99 = static_cast<double>(from.percentile(99));
    each.p999 = static_cast<double>(from.percentile(99.9));
    each.n = from.count();
    report(each);
  };
  figure("staleness", staleness, "ticks");
  figure("bytes", bytes, "B");
  return {};
}

}  // namespace drumline::bench
