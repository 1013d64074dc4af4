// Two states of one battle, field by field.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "world/snapshot.hpp"

namespace drumline::desync {

/// The table under which the world's own state stands: "rng[0]" … "rng[3]".
inline constexpr std::string_view kWorldTable = "world";
/// Fields that every row has beside its component's: whether it is there, and its generation.
inline constexpr std::string_view kLiveField = "live";
inline constexpr std::string_view kGenerationField = "generation";

struct FieldDifference {
  std::string table;
  u32 slot = 0;
  EntityId entity{};  ///< of the row in A, or in B where A has none; 0 for the world's own
  std::string field;
  world::FieldType type = world::FieldType::u64;
  i64 a = 0;  ///< as 64 bits, sign-extended
  i64 b = 0;
};

struct StateComparison {
  std::vector<FieldDifference> differences;  ///< the first ones
  u64 count = 0;                             ///< of all
  std::vector<std::string> shape;            ///< tables and fields that cannot be compared, and why
};

/// In the order: the world's own, then by table, slot and field. Of a row that only one
/// side has, that is the one difference. `limit`: how many are kept.
StateComparison compare_states(const world::StateView& a, const world::StateView& b, std::size_t limit);

/// The value as people read it: fixed-point with its fraction, the generator's words in hex.
std::string value_text(const FieldDifference& field, i64 value);

/// The field's value in a living world; nothing when it has no such table or field.
/// A row that is not there has zeros.
std::optional<i64> field_value(const world::World& world, const FieldDifference& field);

}  // namespace drumline::desync
