// The whole state of one battle: its tables, its tick and its random generator.
// Nothing that influences a step lives anywhere else.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "world/rng.hpp"
#include "world/table.hpp"

namespace drumline::world {

inline constexpr std::size_t kMaxTables = 32;
inline constexpr u32 kMaxTableCapacity = 1U << 20;

class World {
 public:
  explicit World(u64 seed) : rng_(seed) {}

  /// At creation only, in a fixed order: the order is part of the state's shape. What
  /// cannot be (a capacity of 0, a field named twice …) is remembered, and such a world
  /// is refused when its battle is made: see schema_problem().
  template <class C>
  Table<C>& add_table(std::string name, u32 capacity) {
    auto table = std::make_unique<Table<C>>(std::move(name), static_cast<u8>(tables_.size() % kMaxTables),
                                            std::clamp(capacity, 1U, kMaxTableCapacity));
    Table<C>& reference = *table;
    note_table(*table, capacity);
    tables_.push_back(std::move(table));
    return reference;
  }

  /// What is wrong with the tables, with table and field named; empty when nothing is.
  const std::string& schema_problem() const { return schema_problem_; }

  std::size_t table_count() const { return tables_.size(); }
  TableBase& table(std::size_t i) { return *tables_[i]; }
  const TableBase& table(std::size_t i) const { return *tables_[i]; }

  /// Takes over the whole state of another world of the same shape (asserted): tables,
  /// tick and generator. Never allocates; for clients that save and take back ticks.
  /// Tables whose rows differ count as replaced (TableBase::replaced_count()), the
  /// others do not, so that what was derived from rows that never change stays good.
  void copy_from(const World& other);

  Tick tick() const { return tick_; }
  void set_tick(Tick tick) { tick_ = tick; }
  Rng& rng() { return rng_; }
  const Rng& rng() const { return rng_; }

 private:
  void note_table(const TableBase& table, u32 wanted_capacity);

  std::vector<std::unique_ptr<TableBase>> tables_;
  std::string schema_problem_;
  Tick tick_ = 0;
  Rng rng_;
};

}  // namespace drumline::world
