// One description of a component's fields. From it come the state hash,
// snapshots, deltas, what clients are sent, and the names that inspect and
// desync explain print.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>

#include "base/types.hpp"
#include "world/fixed.hpp"

namespace drumline::world {

enum class FieldType : u8 { i8, u8, i16, u16, i32, u32, i64, u64, fixed };

constexpr std::size_t field_size(FieldType type) {
  switch (type) {
    case FieldType::i8:
    case FieldType::u8:
      return 1;
    case FieldType::i16:
    case FieldType::u16:
      return 2;
    case FieldType::i32:
    case FieldType::u32:
      return 4;
    case FieldType::i64:
    case FieldType::u64:
    case FieldType::fixed:
      return 8;
  }
  return 0;
}

constexpr bool field_signed(FieldType type) {
  return type == FieldType::i8 || type == FieldType::i16 || type == FieldType::i32 ||
         type == FieldType::i64 || type == FieldType::fixed;
}

/// What the engine may conclude from a field. A table with both positions is
/// placed on the map and interest-managed; others are not sent to clients.
enum class FieldRole : u8 { none, position_x, position_y };

/// How a field goes to clients: value >> shift, kept in the low `bits` bits
/// (two's complement when the field's type is signed; clamped, never wrapped).
/// bits = 0: never sent. bits <= 32.
struct WireField {
  u8 bits = 0;
  u8 shift = 0;
  FieldRole role = FieldRole::none;
};

struct FieldDescription {
  std::string_view name;
  FieldType type = FieldType::u64;
  WireField wire;
};

template <class T>
constexpr FieldType field_type_of() {
  if constexpr (std::is_same_v<T, Fixed>)
    return FieldType::fixed;
  else if constexpr (std::is_same_v<T, i8>)
    return FieldType::i8;
  else if constexpr (std::is_same_v<T, u8>)
    return FieldType::u8;
  else if constexpr (std::is_same_v<T, i16>)
    return FieldType::i16;
  else if constexpr (std::is_same_v<T, u16>)
    return FieldType::u16;
  else if constexpr (std::is_same_v<T, i32>)
    return FieldType::i32;
  else if constexpr (std::is_same_v<T, u32>)
    return FieldType::u32;
  else if constexpr (std::is_same_v<T, i64>)
    return FieldType::i64;
  else if constexpr (std::is_same_v<T, u64>)
    return FieldType::u64;
  else
    static_assert(!sizeof(T), "a field is a fixed-width integer or Fixed");
}

/// One field of component C: its name, its member, how clients see it.
template <class C, class T>
struct Field {
  std::string_view name;
  T C::*member;
  WireField wire;
  using Type = T;
};

template <class C, class T>
constexpr Field<C, T> field(std::string_view name, T C::*member, WireField wire = {}) {
  return {name, member, wire};
}

/// A component is a struct of fields with, once:
///
///   static constexpr auto kFields = world::fields(
///       world::field("x", &Player::x, {.bits = 20, .shift = 10, .role = FieldRole::position_x}), …);
template <class... F>
constexpr std::tuple<F...> fields(F... f) {
  return {f...};
}

}  // namespace drumline::world
