// State frames at a client, after good ones: a decoder of its own must survive whatever comes.
#include "fuzz.hpp"
#include "unit/broadcast/moving_world.hpp"

namespace drumline::fuzz {
namespace {

struct Recorded {
  broadcast::Schema schema;
  std::vector<Input> datagrams;
};

const Recorded& recorded() {
  static const Recorded made = [] {
    using namespace broadcast;
    Recorded all;
    testing::MovingWorld world(24, 8, 60, 21);
    testing::Server server(world);
    all.schema = server.encoder->schema();
    const InterestPlan plan{InterestSettings{}};
    ClientView view(plan, PlayerSlot{0});
    StateDecoder decoder(all.schema);
    for (u32 t = 0; t < 24; ++t) {
      world.step(20);
      server.tick({});
      Input datagram(1100);
      datagram.resize(view.assemble(server.cache, datagram));
      decoder.apply(datagram);
      u32 acks[32];
      const std::size_t count = decoder.take_acks(acks);
      for (std::size_t i = 0; i < count; ++i) view.acknowledge(acks[i]);
      all.datagrams.push_back(std::move(datagram));
    }
    return all;
  }();
  return made;
}

}  // namespace

void run(Bytes input) {
  broadcast::StateDecoder decoder(recorded().schema, {.streams = 64});
  for (std::size_t i = 0; i < 8; ++i) decoder.apply(recorded().datagrams[i]);
  decoder.apply(input);
  decoder.for_each([](const broadcast::StateDecoder::Entity& entity) { (void)entity.value(0); });
  u32 acks[32];
  DRUM_ASSERT(decoder.take_acks(acks) <= 32);
  decoder.apply(recorded().datagrams[9]);
}

std::vector<Input> seeds() {
  return {recorded().datagrams.begin() + 8, recorded().datagrams.end()};
}

}  // namespace drumline::fuzz
