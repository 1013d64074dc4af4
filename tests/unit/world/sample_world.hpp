// A small world with every field type, and random changes to it.
#pragma once

#include "world/world.hpp"

namespace drumline::world::testing {

struct Body {
  Fixed x, y;
  i8 a;
  u8 b;
  i16 c;
  u16 d;
  i32 e;
  u32 f;
  i64 g;
  u64 h;
  static constexpr auto kFields =
      fields(field("x", &Body::x, {.bits = 18, .shift = 11, .role = FieldRole::position_x}),
             field("y", &Body::y, {.bits = 18, .shift = 11, .role = FieldRole::position_y}),
             field("a", &Body::a), field("b", &Body::b), field("c", &Body::c), field("d", &Body::d),
             field("e", &Body::e), field("f", &Body::f), field("g", &Body::g), field("h", &Body::h));
};

struct Mark {
  u8 kind;
  static constexpr auto kFields = fields(field("kind", &Mark::kind));
};

struct SampleWorld {
  explicit SampleWorld(u64 seed = 1, u32 capacity = 200)
      : world(seed),
        bodies(world.add_table<Body>("body", capacity)),
        marks(world.add_table<Mark>("mark", 70)) {}

  /// Creates, destroys and changes some rows and moves the tick.
  void shake(Rng& rng, u32 changes = 50) {
    for (u32 i = 0; i < changes; ++i) {
      const u32 slot = static_cast<u32>(rng.below(u64{bodies.capacity()}));
      switch (rng.below(u64{4})) {
        case 0:
          fill(bodies.create(), rng);
          break;
        case 1:
          if (bodies.is_live(slot)) bodies.destroy(slot);
          break;
        case 2:
          if (bodies.is_live(slot)) fill(bodies.id_of(slot), rng);
          break;
        default:
          if (const EntityId id = marks.create(); id.value != 0) {
            marks.at<&Mark::kind>(entity_slot(id)) = static_cast<u8>(rng.next_u64());
          }
      }
    }
    world.rng().next_u64();
    world.set_tick(world.tick() + 1);
  }

  void fill(EntityId id, Rng& rng) {
    if (id.value == 0) return;
    const u32 slot = entity_slot(id);
    bodies.at<&Body::x>(slot) = Fixed::from_raw(static_cast<i64>(rng.next_u64()));
    bodies.at<&Body::a>(slot) = static_cast<i8>(rng.next_u64());
    bodies.at<&Body::b>(slot) = static_cast<u8>(rng.next_u64());
    bodies.at<&Body::c>(slot) = static_cast<i16>(rng.next_u64());
    bodies.at<&Body::d>(slot) = static_cast<u16>(rng.next_u64());
    bodies.at<&Body::e>(slot) = static_cast<i32>(rng.next_u64());
    bodies.at<&Body::f>(slot) = static_cast<u32>(rng.next_u64());
    bodies.at<&Body::g>(slot) = static_cast<i64>(rng.next_u64());
    bodies.at<&Body::h>(slot) = rng.next_u64();
  }

  World world;
  Table<Body>& bodies;
  Table<Mark>& marks;
};

}  // namespace drumline::world::testing
