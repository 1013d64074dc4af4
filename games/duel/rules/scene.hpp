// The rows of a battle in hand for one step: taken out of the tables at its
// beginning and put back at its end, so that the rules in between read and write
// plain structs. Projectiles stay in their table, where they come and go.
#pragma once

#include <array>
#include <utility>

#include "duel/components.hpp"
#include "world/rules.hpp"

namespace drumline::duel {

using ProjectileTable = world::Table<Projectile>;

struct Scene {
  world::EventList& events;
  u32 now = 0;  ///< the tick, low 32 bits
  Match match{};
  std::array<Fighter, kFighters> fighters{};
  std::array<EntityId, kFighters> ids{};  ///< 0: nobody is there

  bool is_there(u32 slot) const { return ids[slot].value != 0; }
  bool both_there() const { return is_there(0) && is_there(1); }
  Phase phase() const { return static_cast<Phase>(match.phase); }
  bool fighting() const { return phase() == Phase::fight; }

  /// `source` and `target` are fighters' slots, or kNobody; it happened where the
  /// target is, or else the source, or else the match.
  static constexpr u32 kNobody = kFighters;
  void emit(EventKind kind, u32 source, u32 target = kNobody, i32 a = 0, i32 b = 0) const {
    world::Event event;
    event.kind = static_cast<u8>(kind);
    event.x = match.x;
    event.y = match.y;
    for (const u32 slot : {source, target}) {
      if (slot == kNobody) continue;
      event.x = fighters[slot].x;
      event.y = fighters[slot].y;
    }
    if (source != kNobody) event.source = ids[source];
    if (target != kNobody) event.target = ids[target];
    event.a = a;
    event.b = b;
    events.emit(event);
  }
};

/// A copy of a row, and the way back.
template <class C>
C take_row(const world::Table<C>& table, u32 slot) {
  C row{};
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((row.*std::get<I>(C::kFields).member = table.template at<std::get<I>(C::kFields).member>(slot)), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(C::kFields)>>{});
  return row;
}
template <class C>
void put_row(world::Table<C>& table, u32 slot, const C& row) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((table.template at<std::get<I>(C::kFields).member>(slot) = row.*std::get<I>(C::kFields).member), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(C::kFields)>>{});
}

}  // namespace drumline::duel
