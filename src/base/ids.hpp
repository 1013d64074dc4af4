// Identities that must not be mixed up, each a type of its own.
#pragma once

#include <compare>
#include <functional>

#include "base/types.hpp"

namespace drumline {

/// A number of one kind; Tag keeps kinds apart and costs nothing.
template <class Tag, class Rep>
struct Id {
  Rep value = 0;
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

/// A battle, unique in a data folder (later in a cluster). 0 is none.
using BattleId = Id<struct BattleTag, u64>;

/// A seat in a battle: 0 .. max players - 1, reused lowest first after a leave.
using PlayerSlot = Id<struct PlayerSlotTag, u32>;
inline constexpr PlayerSlot kNoPlayer{0xFFFF'FFFFU};

/// A live connection on one gateway shard: shard (8) | generation (24) | index (32). 0 is none.
using SessionId = Id<struct SessionTag, u64>;
constexpr SessionId make_session_id(u8 shard, u32 generation, u32 index) {
  return SessionId{(u64{shard} << 56) | ((u64{generation} & 0xFF'FFFF) << 32) | index};
}
constexpr u8 session_shard(SessionId id) {
  return static_cast<u8>(id.value >> 56);
}
constexpr u32 session_index(SessionId id) {
  return static_cast<u32>(id.value);
}

/// The writer's term of office for a battle; every store refuses a lower one.
using Epoch = Id<struct EpochTag, u64>;

/// An entity of a world: table (8) | generation (24) | slot (32). 0 is none, as
/// generations start at 1. The same number is the wire's entity_id.
using EntityId = Id<struct EntityTag, u64>;
constexpr EntityId make_entity_id(u8 table, u32 generation, u32 slot) {
  return EntityId{(u64{table} << 56) | ((u64{generation} & 0xFF'FFFF) << 32) | slot};
}
constexpr u8 entity_table(EntityId id) {
  return static_cast<u8>(id.value >> 56);
}
constexpr u32 entity_generation(EntityId id) {
  return static_cast<u32>(id.value >> 32) & 0xFF'FFFF;
}
constexpr u32 entity_slot(EntityId id) {
  return static_cast<u32>(id.value);
}

}  // namespace drumline

template <class Tag, class Rep>
struct std::hash<drumline::Id<Tag, Rep>> {
  std::size_t operator()(drumline::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
