// What of a world goes to clients: its tables that have a place on the map, and
// of those the fields with wire bits. The server makes it from the tables'
// descriptions, a client from the Welcome message.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "world/schema.hpp"
#include "world/world.hpp"

namespace drumline::broadcast {

struct SentField {
  std::string name;
  u8 bits = 0;   ///< 1 .. 32
  u8 shift = 0;  ///< value = wire value << shift, in the field's own unit
  bool is_signed = false;
  bool is_fixed = false;  ///< the unit is 1/65536
  world::FieldRole role = world::FieldRole::none;
  world::FieldType type = world::FieldType::u64;  ///< the column's; of the server only
  u8 column = 0;                                  ///< in the world's table; of the server only

  friend bool operator==(const SentField&, const SentField&) = default;
};

struct SentTable {
  u8 index = 0;  ///< the table part of EntityId
  std::string name;
  std::vector<SentField> fields;  ///< in the order of the table's fields

  friend bool operator==(const SentTable&, const SentTable&) = default;
};

using Schema = std::vector<SentTable>;

inline constexpr std::size_t kMaxSentFields = 64;  ///< of one table

/// What clients are sent of a table, or nothing when it has no place on the map.
std::optional<SentTable> sent_table(u8 index, std::string_view name,
                                    std::span<const world::FieldDescription> fields);

/// All of a world's tables that are sent, in table order.
Schema sent_schema(const world::World& world);

/// A schema that came over the wire: sizes and ranges that the decoder relies on.
Result<void> check_schema(const Schema& schema);

}  // namespace drumline::broadcast
