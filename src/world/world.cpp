#include "world/world.hpp"

#include <set>

namespace drumline::world {
namespace {

/// Snapshots and messages carry names of at most so many bytes.
constexpr std::size_t kMaxSchemaNameBytes = 64;
constexpr u8 kMaxWireBits = 32;

std::string name_problem(const std::string& what, std::string_view name) {
  if (!name.empty() && name.size() <= kMaxSchemaNameBytes) return "";
  return what + " has a name of " + std::to_string(name.size()) + " bytes; 1 to " +
         std::to_string(kMaxSchemaNameBytes) + " are possible";
}

std::string fields_problem(const TableBase& table) {
  const std::string of = "table '" + table.name() + "', field '";
  std::set<std::string_view> names;
  u32 x = 0;
  u32 y = 0;
  for (const FieldDescription& field : table.fields()) {
    const std::string place = of + std::string(field.name) + "'";
    if (auto problem = name_problem(place, field.name); !problem.empty()) return problem;
    if (!names.insert(field.name).second) return place + " is there twice";
    if (field.wire.bits > kMaxWireBits) {
      return place + " is sent in " + std::to_string(field.wire.bits) + " bits; at most 32 are possible";
    }
    if (field.wire.shift > 63) {
      return place + " is sent shifted by " + std::to_string(field.wire.shift) +
             " bits; at most 63 are possible";
    }
    if (field.wire.role == FieldRole::none) continue;
    if (field.wire.bits == 0) return place + " is a position and is never sent: give it wire bits";
    if (++(field.wire.role == FieldRole::position_x ? x : y) > 1)
      return place + " is a second position of one axis";
  }
  if (x != y)
    return "table '" + table.name() + "' has a position on one axis only: it needs x and y, or none";
  return "";
}

}  // namespace

void World::note_table(const TableBase& table, u32 wanted_capacity) {
  if (!schema_problem_.empty()) return;
  const std::string what = "table '" + table.name() + "'";
  if (tables_.size() >= kMaxTables) {
    schema_problem_ =
        what + " is one too many: a world has at most " + std::to_string(kMaxTables) + " tables";
    return;
  }
  schema_problem_ = name_problem(what, table.name());
  if (!schema_problem_.empty()) return;
  for (const auto& other : tables_) {
    if (other->name() == table.name()) schema_problem_ = what + " is there twice";
  }
  if (wanted_capacity == 0 || wanted_capacity > kMaxTableCapacity) {
    schema_problem_ = what + " has a capacity of " + std::to_string(wanted_capacity) + "; 1 to " +
                      std::to_string(kMaxTableCapacity) + " are possible";
  }
  if (schema_problem_.empty()) schema_problem_ = fields_problem(table);
}

void World::copy_from(const World& other) {
  DRUM_ASSERT(tables_.size() == other.tables_.size());
  for (std::size_t i = 0; i < tables_.size(); ++i) tables_[i]->copy_from(*other.tables_[i]);
  tick_ = other.tick_;
  rng_ = other.rng_;
}

}  // namespace drumline::world
