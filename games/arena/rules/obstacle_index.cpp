#include "arena/obstacle_index.hpp"

#include <algorithm>

namespace drumline::arena {
namespace {

// Cells that [centre - half, centre + half] meets, as [first, last].
struct CellRange {
  u64 first, last;
  CellRange(Fixed centre, Fixed half, int shift, u64 cells) {
    const i64 low = (centre - half).raw >> shift;
    const i64 high = (centre + half).raw >> shift;
    first = low < 0 ? 0 : static_cast<u64>(low);
    last = high < 0 ? 0 : static_cast<u64>(high);
    if (last >= cells) last = cells - 1;
  }
};

}  // namespace

void ObstacleIndex::build(const world::Table<ObstacleRow>& table, Fixed map_side) {
  std::vector<Obstacle> obstacles;
  table.for_each([&](u32 slot) {
    obstacles.push_back({static_cast<ObstacleShape>(table.at<&ObstacleRow::shape>(slot)),
                         table.at<&ObstacleRow::x>(slot), table.at<&ObstacleRow::y>(slot),
                         table.at<&ObstacleRow::half_width>(slot),
                         table.at<&ObstacleRow::half_height>(slot)});
  });
  build(obstacles, map_side);
}

void ObstacleIndex::build(std::span<const Obstacle> obstacles, Fixed map_side) {
  side_cells_ = static_cast<u64>(map_side.raw >> kCellShift) + 1;
  obstacles_.assign(obstacles.begin(), obstacles.end());
  const auto for_each_cell = [&](const Obstacle& obstacle, auto visit) {
    const CellRange columns(obstacle.x, obstacle.half_width + kReach, kCellShift, side_cells_);
    const CellRange rows(obstacle.y, obstacle.half_height + kReach, kCellShift, side_cells_);
    for (u64 y = rows.first; y <= rows.last; ++y) {
      for (u64 x = columns.first; x <= columns.last; ++x) visit(y * side_cells_ + x);
    }
  };
  first_.assign(side_cells_ * side_cells_ + 1, 0);
  occupied_.assign(side_cells_ * side_cells_ / 64 + 1, 0);
  for (const Obstacle& obstacle : obstacles_) {
    for_each_cell(obstacle, [&](u64 cell) {
      ++first_[cell + 1];
      occupied_[cell / 64] |= u64{1} << (cell % 64);
    });
  }
  for (std::size_t cell = 1; cell < first_.size(); ++cell) first_[cell] += first_[cell - 1];
  listed_.resize(first_.back());
  std::vector<u32> next(first_.begin(), first_.end() - 1);
  for (u32 i = 0; i < obstacles_.size(); ++i) {
    for_each_cell(obstacles_[i], [&](u64 cell) { listed_[next[cell]++] = i; });
  }
}

i64 ObstacleIndex::sweep(Vector from, Vector way, Fixed radius) const {
  i64 earliest = -1;
  for (const u32 i : near(from + way)) {
    const Obstacle& obstacle = obstacles_[i];
    const Vector centre{obstacle.x, obstacle.y};
    const i64 when =
        obstacle.shape == ObstacleShape::circle
            ? sweep_circle(from, way, centre, obstacle.half_width + radius)
            : sweep_box(from, way, centre, obstacle.half_width + radius, obstacle.half_height + radius);
    if (when >= 0 && (earliest < 0 || when < earliest)) earliest = when;
  }
  return earliest;
}

void generate_obstacles(u32 wanted, Fixed map_side, world::Rng& rng, world::Table<ObstacleRow>& table) {
  // Wide enough for anybody to pass: two bodies of the largest radius, and some.
  constexpr Fixed gap = Fixed::from_int(4);
  constexpr u32 tries = 4;
  const auto eighths = [&](u64 low, u64 high) {
    return Fixed::from_raw(static_cast<i64>((low + rng.below(high - low + 1)) << kObstacleShift));
  };
  const u64 side = static_cast<u64>(map_side.raw) >> kObstacleShift;
  std::vector<Obstacle> placed;
  for (u32 i = 0; i < wanted * tries && placed.size() < wanted; ++i) {
    Obstacle made;
    made.shape = rng.below(u64{2}) == 0 ? ObstacleShape::circle : ObstacleShape::box;
    made.half_width = eighths(8, 24);
    made.half_height = made.shape == ObstacleShape::circle ? made.half_width : eighths(8, 24);
    made.x = eighths(0, side);
    made.y = eighths(0, side);
    const bool inside = made.x - made.half_width > gap && made.y - made.half_height > gap &&
                        made.x + made.half_width + gap < map_side &&
                        made.y + made.half_height + gap < map_side;
    const auto too_near = [&](const Obstacle& other) {
      return abs(made.x - other.x) <= made.half_width + other.half_width + gap &&
             abs(made.y - other.y) <= made.half_height + other.half_height + gap;
    };
    if (!inside || std::any_of(placed.begin(), placed.end(), too_near)) continue;
    placed.push_back(made);
    const EntityId id = table.create();
    DRUM_ASSERT(id.value != 0);
    const u32 slot = entity_slot(id);
    table.at<&ObstacleRow::shape>(slot) = static_cast<u8>(made.shape);
    table.at<&ObstacleRow::x>(slot) = made.x;
    table.at<&ObstacleRow::y>(slot) = made.y;
    table.at<&ObstacleRow::half_width>(slot) = made.half_width;
    table.at<&ObstacleRow::half_height>(slot) = made.half_height;
  }
}

}  // namespace drumline::arena
