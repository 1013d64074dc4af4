#include "broadcast/nearness.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace drumline::broadcast {
namespace {

constexpr i64 kMaxSquares = 1 << 18;
constexpr u32 kNowhere = 0xFFFF'FFFF;

}  // namespace

Nearness::Nearness(world::MapSize map, i64 distance, u32 players) : side_(std::max<i64>(distance, 1)) {
  const i64 width = std::max<i64>(map.width.raw, 1);
  const i64 height = std::max<i64>(map.height.raw, 1);
  const auto squares = [&](i64 length) { return (length - 1) / side_ + 1; };
  while (squares(width) > kMaxSquares || squares(height) > kMaxSquares ||
         squares(width) * squares(height) > kMaxSquares) {
    side_ *= 2;
  }
  columns_ = static_cast<u32>(squares(width));
  rows_ = static_cast<u32>(squares(height));
  counts_.resize(std::size_t{columns_} * rows_);
  squares_.resize(players);
}

u32 Nearness::place(i64 position, u32 count) const {
  if (position <= 0) return 0;
  return static_cast<u32>(std::min<i64>(position / side_, i64{count} - 1));
}

/// Somebody else than the one who is there.
bool Nearness::somebody_within(u32 column, u32 row, u32 reach) const {
  const u32 left = column > reach ? column - reach : 0;
  const u32 right = std::min(column + reach, columns_ - 1);
  const u32 top = row > reach ? row - reach : 0;
  const u32 bottom = std::min(row + reach, rows_ - 1);
  u32 count = 0;
  for (u32 r = top; r <= bottom; ++r) {
    for (u32 c = left; c <= right; ++c) count += counts_[std::size_t{r} * columns_ + c];
    if (count > 1) return true;
  }
  return false;
}

void Nearness::update(std::span<const PlayerPosition> positions, std::span<u8> calm) {
  DRUM_ASSERT(calm.size() == positions.size());
  if (squares_.size() < positions.size()) squares_.resize(positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const PlayerPosition& at = positions[i];
    squares_[i] = at.known ? place(at.y, rows_) * columns_ + place(at.x, columns_) : kNowhere;
    if (at.known && counts_[squares_[i]] < 0xFFFF) ++counts_[squares_[i]];
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    calm[i] = 0;
    if (squares_[i] == kNowhere) continue;
    const u32 column = squares_[i] % columns_;
    const u32 row = squares_[i] / columns_;
    while (calm[i] < kMostCalm && !somebody_within(column, row, 1U << calm[i])) ++calm[i];
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (squares_[i] != kNowhere) counts_[squares_[i]] = 0;
  }
}

}  // namespace drumline::broadcast
