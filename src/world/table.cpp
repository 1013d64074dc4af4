#include "world/table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace drumline::world {
namespace {

constexpr std::size_t kColumnAlignment = 64;
constexpr u32 kLastGeneration = 0xFF'FFFF;

/// Columns of a line or more begin on a line. Those of a small table lie close together: a
/// battle of two players is then a handful of lines, and there are thousands of such battles.
std::size_t round_up(std::size_t size) {
  const std::size_t alignment = std::clamp(std::bit_ceil(size), std::size_t{8}, kColumnAlignment);
  return (size + alignment - 1) & ~(alignment - 1);
}

template <class T>
i64 load(const std::byte* row) {
  T value;
  std::memcpy(&value, row, sizeof value);
  return static_cast<i64>(value);
}

constexpr std::size_t live_words(u32 used) {
  return (std::size_t{used} + 63) / 64;
}

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

void TableBase::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t{kColumnAlignment});
}

TableBase::TableBase(std::string name, u8 index, u32 capacity, std::vector<FieldDescription> fields)
    : name_(std::move(name)), index_(index), capacity_(capacity), fields_(std::move(fields)) {
  std::size_t size = 0;
  places_.reserve(fields_.size());
  for (const FieldDescription& field : fields_) {
    const std::size_t bytes = std::size_t{capacity_} * field_size(field.type);
    // A column of a whole line or more after small ones.
    if (bytes >= kColumnAlignment) size = (size + kColumnAlignment - 1) & ~(kColumnAlignment - 1);
    DRUM_ASSERT(size <= UINT32_MAX);
    places_.push_back({static_cast<u32>(size), static_cast<u32>(field_size(field.type))});
    size += round_up(bytes);
  }
  size = std::max(size, kColumnAlignment);
  memory_.reset(static_cast<std::byte*>(::operator new[](size, std::align_val_t{kColumnAlignment})));
  std::memset(memory_.get(), 0, size);
  memory_size_ = size;
  live_.resize(live_words(capacity_));
  generations_.resize(capacity_);
}

i64 TableBase::value(std::size_t column, u32 slot) const {
  const FieldType type = fields_[column].type;
  const std::byte* row = memory_.get() + places_[column].offset + std::size_t{slot} * field_size(type);
  switch (type) {
    case FieldType::i8:
      return load<i8>(row);
    case FieldType::u8:
      return load<u8>(row);
    case FieldType::i16:
      return load<i16>(row);
    case FieldType::u16:
      return load<u16>(row);
    case FieldType::i32:
      return load<i32>(row);
    case FieldType::u32:
      return load<u32>(row);
    case FieldType::i64:
    case FieldType::u64:
    case FieldType::fixed:
      return load<i64>(row);
  }
  return 0;
}

EntityId TableBase::create() {
  if (live_count_ == capacity_) return EntityId{};
  u32 word = lowest_free_ / 64;
  while (live_[word] == ~u64{0}) ++word;
  const u32 slot = word * 64 + static_cast<u32>(std::countr_one(live_[word]));
  DRUM_ASSERT(slot < capacity_);
  live_[word] |= u64{1} << (slot % 64);
  generations_[slot] = generations_[slot] == kLastGeneration ? 1 : generations_[slot] + 1;
  used_ = std::max(used_, slot + 1);
  ++live_count_;
  lowest_free_ = slot + 1;
  return id_of(slot);
}

void TableBase::destroy(u32 slot) {
  DRUM_ASSERT(is_live(slot));
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const std::size_t size = field_size(fields_[i].type);
    std::memset(column_data(i) + slot * size, 0, size);
  }
  live_[slot / 64] &= ~(u64{1} << (slot % 64));
  --live_count_;
  lowest_free_ = std::min(lowest_free_, slot);
}

void TableBase::clear() {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    std::memset(column_data(i), 0, used_ * field_size(fields_[i].type));
  }
  std::fill(live_.begin(), live_.end(), 0);
  std::fill(generations_.begin(), generations_.end(), 0);
  used_ = live_count_ = lowest_free_ = 0;
  ++replaced_count_;
}

/// Whether restore() may take these rows.
bool TableBase::fits(u32 used, std::span<const u64> live, std::span<const u32> generations,
                     std::span<const Bytes> columns) const {
  if (used > capacity_ || live.size() != live_words(used) || generations.size() != used ||
      columns.size() != fields_.size()) {
    return false;
  }
  if (used % 64 != 0 && (live.back() >> (used % 64)) != 0) return false;
  for (const u32 generation : generations) {
    if (generation == 0 || generation > kLastGeneration) return false;
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const std::size_t size = field_size(fields_[i].type);
    if (columns[i].size() != used * size) return false;
    for (std::size_t word = 0; word < live.size(); ++word) {
      const u64 beyond = (word + 1) * 64 > used ? ~u64{0} << (used % 64) : 0;
      for (u64 dead = ~live[word] & ~beyond; dead != 0; dead &= dead - 1) {
        const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(dead));
        if (!all_zero(columns[i].subspan(slot * size, size))) return false;
      }
    }
  }
  return true;
}

/// Writes the rows over what is there, and zeros over what the table had beyond them.
/// `column(i)` is column i's `used` rows.
template <class Column>
void TableBase::put(u32 used, std::span<const u64> live, std::span<const u32> generations, Column column) {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const std::size_t size = field_size(fields_[i].type);
    const Bytes rows = column(i);
    if (!rows.empty()) std::memcpy(column_data(i), rows.data(), rows.size());
    if (used < used_) std::memset(column_data(i) + used * size, 0, (used_ - used) * size);
  }
  std::copy(live.begin(), live.end(), live_.begin());
  std::copy(generations.begin(), generations.end(), generations_.begin());
  for (std::size_t word = live.size(); word < live_words(used_); ++word) live_[word] = 0;
  for (u32 slot = used; slot < used_; ++slot) generations_[slot] = 0;
  used_ = used;
}

bool TableBase::restore(u32 used, std::span<const u64> live, std::span<const u32> generations,
                        std::span<const Bytes> columns) {
  if (!fits(used, live, generations, columns)) {
    clear();
    return false;
  }
  put(used, live, generations, [&](std::size_t i) { return columns[i]; });
  lowest_free_ = live_count_ = 0;
  for (const u64 word : live) live_count_ += static_cast<u32>(std::popcount(word));
  ++replaced_count_;
  return true;
}

bool TableBase::has_rows_of(const TableBase& other) const {
  if (used_ != other.used_ || live_count_ != other.live_count_) return false;
  const auto same = [](auto a, auto b) {
    return a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
  };
  if (!same(live_bits(), other.live_bits()) || !same(generations(), other.generations())) return false;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (!same(column_bytes(i), other.column_bytes(i))) return false;
  }
  return true;
}

void TableBase::copy_from(const TableBase& other) {
  DRUM_ASSERT(has_shape_of(other));
  if (has_rows_of(other)) return;
  put(other.used_, other.live_bits(), other.generations(),
      [&](std::size_t i) { return other.column_bytes(i); });
  live_count_ = other.live_count_;
  lowest_free_ = other.lowest_free_;
  ++replaced_count_;
}

bool TableBase::has_shape_of(const TableBase& other) const {
  if (capacity_ != other.capacity_ || fields_.size() != other.fields_.size()) return false;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].type != other.fields_[i].type) return false;
  }
  return true;
}

}  // namespace drumline::world
