// Component tables: columns of fixed-width integers with a capacity set when
// the battle is created. A row is an entity; a row's place is its slot. Free
// slots are reused lowest first, each reuse raises the slot's generation, and
// iteration is in slot order, so that equal inputs give equal tables.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/ids.hpp"
#include "base/types.hpp"
#include "world/schema.hpp"

namespace drumline::world {

inline constexpr std::size_t kMaxColumns = 64;

/// A table without its component's type: what hash, snapshot, delta, broadcast
/// and inspect work on. One thread at a time.
class TableBase {
 public:
  TableBase(std::string name, u8 index, u32 capacity, std::vector<FieldDescription> fields);
  virtual ~TableBase() = default;
  TableBase(const TableBase&) = delete;
  TableBase& operator=(const TableBase&) = delete;

  const std::string& name() const { return name_; }
  u8 index() const { return index_; }  ///< place in the world, the table part of EntityId
  u32 capacity() const { return capacity_; }
  u32 live_count() const { return live_count_; }
  /// One past the highest slot ever used: rows from here on were never touched.
  u32 used() const { return used_; }

  std::span<const FieldDescription> fields() const { return fields_; }
  std::size_t column_count() const { return fields_.size(); }
  /// Column `i` from slot 0 to used(), little-endian, field_size(type) bytes a row.
  /// Rows that are not live hold zeros.
  Bytes column_bytes(std::size_t i) const {
    return {memory_.get() + places_[i].offset, std::size_t{used_} * places_[i].bytes};
  }
  /// Where all columns lie.
  Bytes memory_bytes() const { return {memory_.get(), memory_size_}; }
  /// One bit a slot, (used() + 63) / 64 words.
  std::span<const u64> live_bits() const { return {live_.data(), (used_ + 63) / 64}; }
  /// Generation of each slot up to used(); 0 never used.
  std::span<const u32> generations() const { return {generations_.data(), used_}; }

  bool is_live(u32 slot) const { return slot < used_ && ((live_[slot / 64] >> (slot % 64)) & 1) != 0; }
  EntityId id_of(u32 slot) const { return make_entity_id(index_, generations_[slot], slot); }
  /// True when the entity is of this table and still the one that holds its slot.
  bool holds(EntityId id) const {
    const u32 slot = entity_slot(id);
    return entity_table(id) == index_ && is_live(slot) && generations_[slot] == entity_generation(id);
  }

  /// The value at (column, slot) as 64 bits: sign-extended for signed types.
  i64 value(std::size_t column, u32 slot) const;

  /// Takes the lowest free slot and zeroes nothing: free rows already are.
  /// Returns the id, or EntityId{0} when the table is full.
  EntityId create();
  /// Frees a live slot and zeroes its row.
  void destroy(u32 slot);

  /// For codecs: makes the table hold exactly these rows. `columns[i]` has `used`
  /// rows of column i. Returns false, and leaves the table empty, when sizes,
  /// capacity, or a dead row's zeros do not fit.
  bool restore(u32 used, std::span<const u64> live, std::span<const u32> generations,
               std::span<const Bytes> columns);
  /// Makes the table as it was when created: no rows, no generations.
  void clear();
  /// Makes the table hold the rows of another one of the same shape. Never allocates. A
  /// table that holds them already is not touched, and does not count as replaced.
  void copy_from(const TableBase& other);
  /// Equal capacity and field types.
  bool has_shape_of(const TableBase& other) const;
  /// How often restore(), clear() or copy_from() replaced the rows. Not state: it tells a
  /// cache that was derived from rows which never change otherwise that they did.
  u64 replaced_count() const { return replaced_count_; }

  /// Calls visit(slot) for every live slot, ascending. Rows may be destroyed in
  /// the visit; rows created in it at lower slots are not visited.
  template <class Visit>
  void for_each(Visit visit) const {
    for (u32 word = 0; word * 64 < used_; ++word) {
      for (u64 bits = live_[word]; bits != 0; bits &= bits - 1) {
        visit(word * 64 + static_cast<u32>(__builtin_ctzll(bits)));
      }
    }
  }

 protected:
  std::byte* column_data(std::size_t i) { return memory_.get() + places_[i].offset; }
  const std::byte* column_data(std::size_t i) const { return memory_.get() + places_[i].offset; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  /// A column's first byte in memory_, and the bytes of one of its rows.
  struct Place {
    u32 offset;
    u32 bytes;
  };

  bool fits(u32 used, std::span<const u64> live, std::span<const u32> generations,
            std::span<const Bytes> columns) const;
  template <class Column>
  void put(u32 used, std::span<const u64> live, std::span<const u32> generations, Column column);
  bool has_rows_of(const TableBase& other) const;

  std::string name_;
  u8 index_;
  u32 capacity_;
  u32 used_ = 0;
  u32 live_count_ = 0;
  u64 replaced_count_ = 0;
  u32 lowest_free_ = 0;  ///< no free slot is below it; a hint that the live bits determine
  std::vector<FieldDescription> fields_;
  std::vector<Place> places_;  ///< by column
  std::size_t memory_size_ = 0;
  std::vector<u64> live_;
  std::vector<u32> generations_;
  std::unique_ptr<std::byte[], Free> memory_;  ///< all columns; each on a 64-byte boundary, or within a line
};

/// The typed view that rules work with.
template <class C>
class Table final : public TableBase {
 public:
  Table(std::string name, u8 index, u32 capacity)
      : TableBase(std::move(name), index, capacity, describe(Indices{})) {}

  /// Column of one member, from slot 0 to capacity(): table.column<&Player::x>()[slot].
  template <auto Member>
  auto column() {
    constexpr std::size_t i = index_of<Member>();
    using T = typename std::tuple_element_t<i, decltype(C::kFields)>::Type;
    return std::span<T>(reinterpret_cast<T*>(column_data(i)), capacity());
  }
  template <auto Member>
  auto column() const {
    constexpr std::size_t i = index_of<Member>();
    using T = typename std::tuple_element_t<i, decltype(C::kFields)>::Type;
    return std::span<const T>(reinterpret_cast<const T*>(column_data(i)), capacity());
  }
  template <auto Member>
  auto& at(u32 slot) {
    return column<Member>()[slot];
  }
  template <auto Member>
  const auto& at(u32 slot) const {
    return column<Member>()[slot];
  }

 private:
  static constexpr std::size_t kCount = std::tuple_size_v<decltype(C::kFields)>;
  static_assert(kCount <= kMaxColumns);
  using Indices = std::make_index_sequence<kCount>;

  template <std::size_t... I>
  static std::vector<FieldDescription> describe(std::index_sequence<I...>) {
    return {FieldDescription{std::get<I>(C::kFields).name,
                             field_type_of<typename std::tuple_element_t<I, decltype(C::kFields)>::Type>(),
                             std::get<I>(C::kFields).wire}...};
  }

  template <auto Member, std::size_t I = 0>
  static constexpr std::size_t index_of() {
    static_assert(I < kCount, "the member is not among the component's kFields");
    constexpr auto candidate = std::get<I>(C::kFields).member;
    if constexpr (std::is_same_v<std::remove_const_t<decltype(candidate)>, decltype(Member)>) {
      if constexpr (candidate == Member)
        return I;
      else
        return index_of<Member, I + 1>();
    } else {
      return index_of<Member, I + 1>();
    }
  }
};

}  // namespace drumline::world
