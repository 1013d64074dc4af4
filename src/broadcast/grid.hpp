// A uniform grid over the map: what is near is what lies in near cells.
#pragma once

#include <algorithm>

#include "base/assert.hpp"
#include "base/types.hpp"
#include "world/rules.hpp"

namespace drumline::broadcast {

inline constexpr u32 kMaxCells = 1U << 14;

/// Cells are numbered row by row. Positions are raw fixed-point numbers; what
/// lies outside the map belongs to the nearest cell.
class Grid {
 public:
  /// Cells of `cell_size`, made larger when there would be more than kMaxCells.
  Grid(world::MapSize map, world::Fixed cell_size) : cell_size_(std::max<i64>(cell_size.raw, 1)) {
    const i64 width = std::max<i64>(map.width.raw, 1);
    const i64 height = std::max<i64>(map.height.raw, 1);
    const auto count = [&](i64 length) { return (length - 1) / cell_size_ + 1; };
    while (count(width) > 0xFFFF || count(height) > 0xFFFF || count(width) * count(height) > i64{kMaxCells}) {
      cell_size_ *= 2;
    }
    columns_ = static_cast<u32>(count(width));
    rows_ = static_cast<u32>(count(height));
  }

  /// The cell size with which `players` spread evenly are about `per_cell` in each.
  static world::Fixed cell_size_for(world::MapSize map, u32 players, u32 per_cell = 12) {
    const i64 cells = std::max<i64>(1, players / std::max<u32>(per_cell, 1));
    // The side of a square of area / cells, by bisection in integers.
    const world::i128 area = world::i128{std::max<i64>(map.width.raw, 1)} * std::max<i64>(map.height.raw, 1);
    i64 low = 1;
    i64 high = std::max<i64>({map.width.raw, map.height.raw, 1});
    while (low < high) {
      const i64 middle = low + (high - low) / 2;
      if (world::i128{middle} * middle * cells >= area)
        high = middle;
      else
        low = middle + 1;
    }
    return world::Fixed::from_raw(low);
  }

  u32 columns() const { return columns_; }
  u32 rows() const { return rows_; }
  u32 cell_count() const { return columns_ * rows_; }
  i64 cell_size_raw() const { return cell_size_; }

  u32 column_of(i64 x) const { return place(x, columns_); }
  u32 row_of(i64 y) const { return place(y, rows_); }
  u32 cell_of(i64 x, i64 y) const { return row_of(y) * columns_ + column_of(x); }

  /// Where `x` lies between the grid's left and right edge, in 1/65536.
  u16 share_of_width(i64 x) const { return share(x, columns_); }
  u16 share_of_height(i64 y) const { return share(y, rows_); }

 private:
  u32 place(i64 position, u32 count) const {
    if (position <= 0) return 0;
    return static_cast<u32>(std::min<i64>(position / cell_size_, i64{count} - 1));
  }
  u16 share(i64 position, u32 count) const {
    const i64 whole = cell_size_ * count;
    const i64 inside = std::clamp<i64>(position, 0, whole - 1);
    if (whole < (i64{1} << 47)) return static_cast<u16>((inside << 16) / whole);
    return static_cast<u16>((world::i128{inside} << 16) / whole);
  }

  i64 cell_size_;
  u32 columns_ = 1;
  u32 rows_ = 1;
};

}  // namespace drumline::broadcast
