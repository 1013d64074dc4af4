// A small world that moves at random, and the way from it to clients through
// encoder, cache, views and decoders over a link that loses and reorders.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "broadcast/cell_encoder.hpp"
#include "broadcast/client_view.hpp"
#include "broadcast/state_decoder.hpp"
#include "world/fixed_math.hpp"
#include "world/world.hpp"

namespace drumline::broadcast::testing {

using world::FieldRole;
using world::Fixed;

/// Not sent: so that a table's index is not its place in the schema.
struct Score {
  u32 points = 0;
  static constexpr auto kFields = world::fields(world::field("points", &Score::points));
};

struct Walker {
  Fixed x, y;
  i32 speed = 0;
  u16 facing = 0;
  u8 health = 0;
  u64 secret = 0;
  i16 wide = 0;
  static constexpr auto kFields = world::fields(
      world::field("x", &Walker::x, {.bits = 20, .shift = 10, .role = FieldRole::position_x}),
      world::field("y", &Walker::y, {.bits = 20, .shift = 10, .role = FieldRole::position_y}),
      world::field("speed", &Walker::speed, {.bits = 6, .shift = 2}),
      world::field("facing", &Walker::facing, {.bits = 8, .shift = 8}),
      world::field("health", &Walker::health, {.bits = 7}), world::field("secret", &Walker::secret),
      world::field("wide", &Walker::wide, {.bits = 16}));
};

struct Thing {
  Fixed x, y;
  u8 kind = 0;
  static constexpr auto kFields =
      world::fields(world::field("x", &Thing::x, {.bits = 20, .shift = 10, .role = FieldRole::position_x}),
                    world::field("y", &Thing::y, {.bits = 20, .shift = 10, .role = FieldRole::position_y}),
                    world::field("kind", &Thing::kind, {.bits = 3}));
};

using Values = std::vector<i64>;
using Snapshot = std::map<u64, Values>;  // by entity id: wire values of all sent fields

class MovingWorld {
 public:
  MovingWorld(u32 walkers, u32 things, i64 side, u32 seed)
      : world_(seed),
        scores_(world_.add_table<Score>("score", 4)),
        walkers_(world_.add_table<Walker>("walker", std::max(walkers * 2, 8U))),
        things_(world_.add_table<Thing>("thing", std::max(things * 2, 8U))),
        random_(seed),
        side_(Fixed::from_int(side)) {
    scores_.create();
    for (u32 i = 0; i < walkers; ++i) players_.push_back(spawn_walker());
    for (u32 i = 0; i < things; ++i) spawn_thing();
    world_.set_tick(1);
  }

  world::World& world() { return world_; }
  const world::World& world() const { return world_; }
  world::MapSize map() const { return {side_, side_}; }
  std::vector<EntityId>& players() { return players_; }
  const std::vector<EntityId>& players() const { return players_; }
  std::mt19937& random() { return random_; }

  EntityId spawn_walker() {
    const EntityId id = walkers_.create();
    const u32 slot = entity_slot(id);
    walkers_.at<&Walker::x>(slot) = place();
    walkers_.at<&Walker::y>(slot) = place();
    walkers_.at<&Walker::health>(slot) = 100;
    walkers_.at<&Walker::facing>(slot) = static_cast<u16>(random_());
    return id;
  }
  void spawn_thing() {
    const EntityId id = things_.create();
    if (id.value == 0) return;
    things_.at<&Thing::x>(entity_slot(id)) = place();
    things_.at<&Thing::y>(entity_slot(id)) = place();
    things_.at<&Thing::kind>(entity_slot(id)) = static_cast<u8>(random_() % 8);
  }
  void put(EntityId id, i64 x, i64 y) {
    walkers_.at<&Walker::x>(entity_slot(id)) = Fixed::from_int(x);
    walkers_.at<&Walker::y>(entity_slot(id)) = Fixed::from_int(y);
  }
  world::Vector place_of(EntityId id) const {
    const u32 slot = entity_slot(id);
    if (entity_table(id) == things_.index())
      return {things_.at<&Thing::x>(slot), things_.at<&Thing::y>(slot)};
    return {walkers_.at<&Walker::x>(slot), walkers_.at<&Walker::y>(slot)};
  }
  void kill(EntityId id) { walkers_.destroy(entity_slot(id)); }

  /// Everybody walks; some die and come back, some get hurt, things come and go.
  void step(u32 deaths_in_1000 = 2, i64 pace = Fixed::kOneRaw / 4) {
    world_.set_tick(world_.tick() + 1);
    for (EntityId& id : players_) {
      const u32 slot = entity_slot(id);
      if (random_() % 1000 < deaths_in_1000) {
        kill(id);
        id = spawn_walker();
        continue;
      }
      u16& facing = walkers_.at<&Walker::facing>(slot);
      if (random_() % 16 == 0) facing = static_cast<u16>(random_());
      const i64 dx = (facing & 0xFF) - 128;
      const i64 dy = (facing >> 8) - 128;
      walk(walkers_.at<&Walker::x>(slot), dx * pace / 128);
      walk(walkers_.at<&Walker::y>(slot), dy * pace / 128);
      walkers_.at<&Walker::speed>(slot) = static_cast<i32>(dx);
      walkers_.at<&Walker::secret>(slot) += 1;
      if (random_() % 64 == 0) walkers_.at<&Walker::health>(slot) = static_cast<u8>(random_() % 200);
      if (random_() % 100 == 0) walkers_.at<&Walker::wide>(slot) = static_cast<i16>(random_());
    }
    if (random_() % 4 == 0 && things_.live_count() > 0) {
      std::vector<u32> live;
      things_.for_each([&](u32 slot) { live.push_back(slot); });
      things_.destroy(live[random_() % live.size()]);
      spawn_thing();
    }
  }

  Snapshot snapshot(const Schema& schema) const {
    Snapshot all;
    for (const SentTable& table : schema) {
      const world::TableBase& source = world_.table(table.index);
      source.for_each([&](u32 slot) {
        Values values;
        for (const SentField& field : table.fields) {
          const i64 raw = source.value(field.column, slot) >> field.shift;
          const i64 high = field.is_signed ? (i64{1} << (field.bits - 1)) - 1 : (i64{1} << field.bits) - 1;
          const i64 low = field.is_signed ? -high - 1 : 0;
          values.push_back(std::clamp(raw, low, high));
        }
        all[source.id_of(slot).value] = values;
      });
    }
    return all;
  }

 private:
  Fixed place() { return Fixed::from_raw(static_cast<i64>(random_()) % side_.raw); }
  void walk(Fixed& at, i64 by) { at = Fixed::from_raw(std::clamp<i64>(at.raw + by, 0, side_.raw - 1)); }

  world::World world_;
  world::Table<Score>& scores_;
  world::Table<Walker>& walkers_;
  world::Table<Thing>& things_;
  std::mt19937 random_;
  Fixed side_;
  std::vector<EntityId> players_;
};

/// The server's side of a battle, with frames kept aligned as rings keep them.
class Server {
 public:
  explicit Server(MovingWorld& world, EncoderSettings settings = {}) : world_(world), frame_(1U << 18) {
    settings.expected_players = static_cast<u32>(world.players().size());
    auto made = CellEncoder::create(world.world(), world.map(), settings);
    EXPECT_TRUE(made.ok());
    encoder = std::move(*made);
  }
  void encode(std::span<const world::Event> events = {}) {
    seats_.clear();
    for (std::size_t i = 0; i < world_.players().size(); ++i) {
      seats_.push_back({world_.players()[i], static_cast<u32>(world_.world().tick() + i)});
    }
    const std::size_t size = encoder->encode({.world = world_.world(),
                                              .state_hash = 7,
                                              .players = static_cast<u32>(seats_.size()),
                                              .seats = seats_,
                                              .events = events,
                                              .messages = &messages},
                                             std::as_writable_bytes(std::span(frame_)));
    ASSERT_GT(size, 0U);
    frame = std::as_bytes(std::span(frame_)).first(size);
  }
  /// A frame without state, with what there is to tell.
  void encode_without_state(std::span<const world::Event> events, Bytes tick_payload) {
    const std::size_t size = encoder->encode_without_state(
        {.world = world_.world(), .events = events, .messages = &messages, .tick_payload = tick_payload},
        std::as_writable_bytes(std::span(frame_)));
    ASSERT_GT(size, 0U);
    frame = std::as_bytes(std::span(frame_)).first(size);
    auto taken = cache.absorb(frame);
    ASSERT_TRUE(taken.ok()) << taken.error().message;
  }
  /// Encodes and lets the cache take the frame in.
  void tick(std::span<const world::Event> events = {}) {
    encode(events);
    auto taken = cache.absorb(frame);
    ASSERT_TRUE(taken.ok()) << taken.error().message;
    if (cache.take_full_request()) encoder->request_full();
  }

  std::unique_ptr<CellEncoder> encoder;
  CellCache cache;
  MessageQueue messages;
  Bytes frame;

 private:
  MovingWorld& world_;
  std::vector<u64> frame_;
  std::vector<SeatState> seats_;
};

struct Link {
  u32 loss_percent = 0;
  u32 delay_ticks = 2;      ///< each way
  u32 reorder_percent = 0;  ///< take up to 5 ticks longer
  u32 duplicate_percent = 0;
};

/// A client behind a link.
class Client {
 public:
  Client(const InterestPlan& plan, PlayerSlot player, const Schema& schema, u32 seed,
         DecoderLimits limits = {})
      : Client(plan, player, std::make_shared<BodyStore>(schema), seed, limits) {}
  Client(const InterestPlan& plan, PlayerSlot player, std::shared_ptr<BodyStore> store, u32 seed,
         DecoderLimits limits = {})
      : view(plan, player), decoder(std::move(store), BattleId{1}, limits), random_(seed) {}

  /// One tick: the server sends, the link delivers, the client answers. Calls
  /// received(datagram) after each datagram that was applied.
  template <class Received>
  void tick(const CellCache& cache, const Link& link, Received received,
            std::size_t budget = kDefaultDatagramBudget) {
    const u32 now = static_cast<u32>(cache.tick());
    std::vector<std::byte> datagram(std::max<std::size_t>(budget, 2000));
    const std::size_t size = view.assemble(cache, datagram, budget);
    ASSERT_LE(size, budget);
    datagram.resize(size);
    sent_bytes += size;
    last_size = size;
    if (on_sent && size > 0) on_sent(datagram);
    if (!chance(link.loss_percent)) {
      const u32 copies = chance(link.duplicate_percent) ? 2 : 1;
      for (u32 i = 0; i < copies; ++i) {
        const u32 late = chance(link.reorder_percent) ? 1 + random_() % 5 : 0;
        down_.emplace(now + link.delay_ticks + late, datagram);
      }
    }
    while (!down_.empty() && down_.begin()->first <= now) {
      const auto status = decoder.apply(down_.begin()->second);
      ASSERT_NE(status, StateDecoder::Status::malformed);
      received(down_.begin()->second);
      down_.erase(down_.begin());
    }
    u32 acks[32];
    const std::size_t count = decoder.take_acks(acks);
    for (std::size_t i = 0; i < count; ++i) {
      if (!chance(link.loss_percent)) up_.emplace(now + link.delay_ticks, acks[i]);
    }
    while (!up_.empty() && up_.begin()->first <= now) {
      view.acknowledge(up_.begin()->second);
      up_.erase(up_.begin());
    }
  }

  ClientView view;
  StateDecoder decoder;
  std::function<void(Bytes)> on_sent;  ///< each datagram, whether it will be lost or not
  std::size_t sent_bytes = 0;
  std::size_t last_size = 0;

 private:
  bool chance(u32 percent) { return random_() % 100 < percent; }
  std::mt19937 random_;
  std::multimap<u32, std::vector<std::byte>> down_;
  std::multimap<u32, u32> up_;
};

/// A chunk of a datagram, undecoded.
struct SentChunk {
  u32 stream = 0;
  u32 key_age = 0;  ///< of a key
  u8 key = 0;
  bool is_key = false;
  Bytes body;
};

/// Calls visit(SentChunk) for each chunk of an unpadded datagram.
template <class Visit>
void for_each_chunk(Bytes datagram, Visit visit) {
  ByteReader in(datagram);
  in.read_bytes(kStateFrameHeadBytes);
  while (in.ok() && !in.at_end()) {
    SentChunk chunk;
    chunk.stream = static_cast<u32>(in.read_varint());
    chunk.is_key = in.read<u8>() == 1;
    chunk.key = in.read<u8>();
    if (chunk.is_key) chunk.key_age = static_cast<u32>(in.read_varint());
    chunk.body = in.read_bytes(in.read_varint());
    visit(chunk);
  }
  ASSERT_TRUE(in.ok());
}

inline u32 datagram_tick(Bytes datagram) {
  u32 tick = 0;
  std::memcpy(&tick, datagram.data() + 2, 4);
  return tick;
}

/// Every entity that the decoder holds is exactly what the server's was at the
/// tick that the decoder names. Returns how many are of the decoder's newest tick.
inline u32 expect_true(StateDecoder& decoder, const std::map<u32, Snapshot>& history) {
  u32 fresh = 0;
  decoder.for_each([&](const StateDecoder::Entity& entity) {
    const auto then = history.find(entity.tick());
    ASSERT_NE(then, history.end());
    const auto truth = then->second.find(entity.id().value);
    ASSERT_NE(truth, then->second.end()) << "entity " << std::hex << entity.id().value << " did not exist";
    for (std::size_t f = 0; f < truth->second.size(); ++f) {
      ASSERT_EQ(entity.value(f), truth->second[f]) << entity.table().fields[f].name;
    }
    fresh += entity.tick() == decoder.tick() ? 1 : 0;
  });
  return fresh;
}

}  // namespace drumline::broadcast::testing
