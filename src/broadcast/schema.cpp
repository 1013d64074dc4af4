#include "broadcast/schema.hpp"

namespace drumline::broadcast {

std::optional<SentTable> sent_table(u8 index, std::string_view name,
                                    std::span<const world::FieldDescription> fields) {
  SentTable table{index, std::string(name), {}};
  bool has_x = false;
  bool has_y = false;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const world::FieldDescription& field = fields[i];
    has_x |= field.wire.role == world::FieldRole::position_x;
    has_y |= field.wire.role == world::FieldRole::position_y;
    if (field.wire.bits == 0) continue;
    table.fields.push_back({.name = std::string(field.name),
                            .bits = field.wire.bits,
                            .shift = field.wire.shift,
                            .is_signed = world::field_signed(field.type),
                            .is_fixed = field.type == world::FieldType::fixed,
                            .role = field.wire.role,
                            .type = field.type,
                            .column = static_cast<u8>(i)});
  }
  if (!has_x || !has_y) return std::nullopt;
  return table;
}

Schema sent_schema(const world::World& world) {
  Schema schema;
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const world::TableBase& table = world.table(i);
    if (auto sent = sent_table(table.index(), table.name(), table.fields()))
      schema.push_back(std::move(*sent));
  }
  return schema;
}

Result<void> check_schema(const Schema& schema) {
  const auto refuse = [](const std::string& what) { return Error{ErrorCode::malformed, "schema: " + what}; };
  if (schema.size() > world::kMaxTables) return refuse(std::to_string(schema.size()) + " tables, at most 32");
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const SentTable& table = schema[i];
    if (i > 0 && table.index <= schema[i - 1].index) return refuse("table indexes do not rise");
    if (table.index >= world::kMaxTables) return refuse("table " + table.name + " has an impossible index");
    if (table.fields.size() > kMaxSentFields) return refuse("table " + table.name + " has too many fields");
    for (const SentField& field : table.fields) {
      if (field.bits < 1 || field.bits > 32 || field.shift > 63) {
        return refuse("field " + table.name + "." + field.name + " has impossible bits or shift");
      }
    }
  }
  return {};
}

}  // namespace drumline::broadcast
