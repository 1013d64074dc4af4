#include "desync/compare_states.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace drumline::desync {
namespace {

using world::FieldType;
using world::StateView;

template <class T>
T load(Bytes bytes, std::size_t index) {
  T value{};
  if ((index + 1) * sizeof(T) <= bytes.size())
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

/// Zero past the column's end.
i64 column_value(const StateView::Column& column, u32 slot) {
  switch (column.type) {
    case FieldType::i8:
      return load<i8>(column.rows, slot);
    case FieldType::u8:
      return load<u8>(column.rows, slot);
    case FieldType::i16:
      return load<i16>(column.rows, slot);
    case FieldType::u16:
      return load<u16>(column.rows, slot);
    case FieldType::i32:
      return load<i32>(column.rows, slot);
    case FieldType::u32:
      return load<u32>(column.rows, slot);
    case FieldType::i64:
    case FieldType::u64:
    case FieldType::fixed:
      return load<i64>(column.rows, slot);
  }
  return 0;
}

bool is_live(const StateView::Table& table, u32 slot) {
  return ((load<u64>(table.live_bits, slot / 64) >> (slot % 64)) & 1) != 0;
}

/// Where each of A's columns stands in B.
struct ColumnPair {
  const StateView::Column* a = nullptr;
  const StateView::Column* b = nullptr;
};

class Comparer {
 public:
  explicit Comparer(std::size_t limit) : limit_(limit) {}

  void world(const StateView& a, const StateView& b) {
    for (std::size_t i = 0; i < a.rng.size(); ++i) {
      if (a.rng[i] == b.rng[i]) continue;
      FieldDifference found;
      found.table = kWorldTable;
      found.field = fmt::format("rng[{}]", i);
      found.a = static_cast<i64>(a.rng[i]);
      found.b = static_cast<i64>(b.rng[i]);
      add(std::move(found));
    }
  }

  void table(const StateView::Table& a, const StateView::Table& b, std::size_t index) {
    if (a.capacity != b.capacity) {
      shape(fmt::format("table {} has {} rows at most in A, {} in B", a.name, a.capacity, b.capacity));
    }
    const std::vector<ColumnPair> columns = match(a, b);
    const u32 used = std::max(a.used, b.used);
    for (u32 slot = 0; slot < used; ++slot) {
      const bool live_a = is_live(a, slot);
      const bool live_b = is_live(b, slot);
      const u32 generation_a = load<u32>(a.generations, slot);
      const u32 generation_b = load<u32>(b.generations, slot);
      const auto row = [&](std::string_view field, FieldType type, i64 value_a, i64 value_b) {
        FieldDifference found;
        found.table = a.name;
        found.slot = slot;
        const u32 generation = live_a ? generation_a : generation_b;
        found.entity = make_entity_id(static_cast<u8>(index), generation, slot);
        found.field = field;
        found.type = type;
        found.a = value_a;
        found.b = value_b;
        add(std::move(found));
      };
      if (live_a != live_b) {
        row(kLiveField, FieldType::u8, live_a ? 1 : 0, live_b ? 1 : 0);
        continue;
      }
      if (generation_a != generation_b) row(kGenerationField, FieldType::u32, generation_a, generation_b);
      for (const ColumnPair& pair : columns) {
        const i64 value_a = column_value(*pair.a, slot);
        const i64 value_b = column_value(*pair.b, slot);
        if (value_a != value_b) row(pair.a->name, pair.a->type, value_a, value_b);
      }
    }
  }

  void shape(std::string words) { result_.shape.push_back(std::move(words)); }
  StateComparison take() { return std::move(result_); }

 private:
  std::vector<ColumnPair> match(const StateView::Table& a, const StateView::Table& b) {
    std::vector<ColumnPair> pairs;
    for (const auto& column : a.columns) {
      const auto same = std::find_if(b.columns.begin(), b.columns.end(),
                                     [&](const auto& other) { return other.name == column.name; });
      if (same == b.columns.end())
        shape(fmt::format("table {} has the field {} in A only", a.name, column.name));
      else if (same->type != column.type)
        shape(fmt::format("table {}, field {} is {} in A, {} in B", a.name, column.name,
                          world::field_type_name(column.type), world::field_type_name(same->type)));
      else
        pairs.push_back({&column, &*same});
    }
    for (const auto& column : b.columns) {
      const bool known = std::any_of(a.columns.begin(), a.columns.end(),
                                     [&](const auto& other) { return other.name == column.name; });
      if (!known) shape(fmt::format("table {} has the field {} in B only", a.name, column.name));
    }
    return pairs;
  }

  void add(FieldDifference difference) {
    ++result_.count;
    if (result_.differences.size() < limit_) result_.differences.push_back(std::move(difference));
  }

  std::size_t limit_;
  StateComparison result_;
};

const StateView::Table* find_table(const StateView& state, std::string_view name) {
  for (const auto& table : state.tables) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

}  // namespace

StateComparison compare_states(const StateView& a, const StateView& b, std::size_t limit) {
  Comparer comparer(limit);
  if (a.game != b.game) comparer.shape(fmt::format("A is of game {}, B of game {}", a.game, b.game));
  comparer.world(a, b);
  for (std::size_t i = 0; i < a.tables.size(); ++i) {
    const auto* other = find_table(b, a.tables[i].name);
    if (other == nullptr)
      comparer.shape(fmt::format("table {} is in A only", a.tables[i].name));
    else
      comparer.table(a.tables[i], *other, i);
  }
  for (const auto& table : b.tables) {
    if (find_table(a, table.name) == nullptr)
      comparer.shape(fmt::format("table {} is in B only", table.name));
  }
  return comparer.take();
}

std::string value_text(const FieldDifference& field, i64 value) {
  if (field.table == kWorldTable) return fmt::format("0x{:016x}", static_cast<u64>(value));
  if (field.type == FieldType::fixed) {
    return fmt::format("{:.5f} (raw {})", static_cast<double>(value) / 65536.0, value);
  }
  if (field.type == FieldType::u64) return std::to_string(static_cast<u64>(value));
  return std::to_string(value);
}

std::optional<i64> field_value(const world::World& world, const FieldDifference& field) {
  if (field.table == kWorldTable) {
    for (std::size_t i = 0; i < world.rng().state().size(); ++i) {
      if (field.field == fmt::format("rng[{}]", i)) return static_cast<i64>(world.rng().state()[i]);
    }
    return std::nullopt;
  }
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const world::TableBase& table = world.table(i);
    if (table.name() != field.table) continue;
    if (field.field == kLiveField) return table.is_live(field.slot) ? 1 : 0;
    const bool used = field.slot < table.used();
    if (field.field == kGenerationField) return used ? table.generations()[field.slot] : 0;
    for (std::size_t column = 0; column < table.column_count(); ++column) {
      if (table.fields()[column].name == field.field) return used ? table.value(column, field.slot) : 0;
    }
  }
  return std::nullopt;
}

}  // namespace drumline::desync
