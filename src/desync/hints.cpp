#include "desync/hints.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace drumline::desync {
namespace {

/// Raw units of a fixed-point number (2^-16 each) within which a difference is one of rounding.
constexpr u64 kRounding = 64;
constexpr std::size_t kLineShown = 120;

struct Column {
  std::vector<i64> a;
  std::vector<i64> b;
  world::FieldType type = world::FieldType::u64;
};

u64 distance(i64 a, i64 b) {
  return a > b ? static_cast<u64>(a) - static_cast<u64>(b) : static_cast<u64>(b) - static_cast<u64>(a);
}

bool all_within(const Column& column, u64 largest) {
  for (std::size_t i = 0; i < column.a.size(); ++i) {
    if (distance(column.a[i], column.b[i]) > largest) return false;
  }
  return true;
}

/// True when the rows that differ hold the same values in another order.
bool is_reordered(Column column) {
  std::sort(column.a.begin(), column.a.end());
  std::sort(column.b.begin(), column.b.end());
  return column.a.size() > 1 && column.a == column.b;
}

void add_write_hints(const FieldDifference& first, const std::optional<FieldWrites>& writes, i64 other,
                     char side, char other_side, std::vector<std::string>& hints) {
  if (!writes) return;
  if (writes->count == 0) {
    hints.push_back(fmt::format("{}.{}: as this program plays {}, nothing wrote it since tick {}",
                                first.table, first.field, side, writes->looked_from));
    return;
  }
  const FieldWrite& last = writes->writes.back();
  if (last.before == other) {
    hints.push_back(
        fmt::format("{}.{}: {} has what {} had before its write of tick {} ({}): that write is "
                    "missing in {}",
                    first.table, first.field, other_side, side, last.tick, last.by, other_side));
  }
}

}  // namespace

std::string first_differing_line(std::string_view a, std::string_view b) {
  for (std::size_t number = 1;; ++number) {
    const std::string_view line_a = a.substr(0, a.find('\n'));
    const std::string_view line_b = b.substr(0, b.find('\n'));
    if (line_a != line_b) {
      return fmt::format("line {} is \"{}\" in A, \"{}\" in B", number, line_a.substr(0, kLineShown),
                         line_b.substr(0, kLineShown));
    }
    if (line_a.size() == a.size() || line_b.size() == b.size()) return "one goes on where the other ends";
    a.remove_prefix(line_a.size() + 1);
    b.remove_prefix(line_b.size() + 1);
  }
}

void add_state_hints(Explanation& explanation) {
  std::vector<std::string>& hints = explanation.hints;
  const std::vector<FieldDifference>& differences = explanation.states.differences;
  bool random = false;
  std::map<std::pair<std::string, std::string>, Column> columns;
  for (const FieldDifference& one : differences) {
    if (one.table == kWorldTable) {
      random = true;
      continue;
    }
    Column& column = columns[{one.table, one.field}];
    column.a.push_back(one.a);
    column.b.push_back(one.b);
    column.type = one.type;
  }
  if (random) {
    hints.emplace_back(
        "the world's generator differs: one side drew from it more often, or it began from another seed");
  }
  for (const auto& [name, column] : columns) {
    const std::string field = name.first + "." + name.second;
    if (name.second == kLiveField) {
      hints.push_back(
          fmt::format("{}: rows are there on one side only: made, or removed, on one side only", name.first));
    } else if (is_reordered(column)) {
      hints.push_back(field +
                      ": the same values stand in other rows: the order of iteration is not the same");
    } else if (column.type == world::FieldType::fixed && all_within(column, kRounding)) {
      hints.push_back(field + ": differs in its last bits only: rounding, as floating point gives");
    } else if (column.type != world::FieldType::fixed && all_within(column, 1)) {
      hints.push_back(field +
                      ": differs by one: an off-by-one, or a write done once too often or too rarely");
    }
  }
  // Values of a later tick have been written to since.
  if (differences.empty() || explanation.state_tick != explanation.tick) return;
  const FieldDifference& first = differences.front();
  add_write_hints(first, explanation.writes_a, first.b, 'A', 'B', hints);
  // The same run with the same inputs says the same of B, where B is not played as it was.
  if (explanation.reproduced_b) add_write_hints(first, explanation.writes_b, first.a, 'B', 'A', hints);
}

}  // namespace drumline::desync
