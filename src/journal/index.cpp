#include "journal/index.hpp"

#include <algorithm>

namespace drumline::journal {

void JournalIndex::begin_segment(u32 number) {
  if (!segments_.empty() && segments_.back().number == number) return;
  segments_.push_back({number, {}});
}

void JournalIndex::add(const RecordInfo& info) {
  DRUM_ASSERT(!segments_.empty());
  Tick& last = segments_.back().last_tick[info.battle];
  last = std::max(last, info.tick);
}

bool JournalIndex::mentions(BattleId battle) const {
  return std::any_of(segments_.begin(), segments_.end(),
                     [&](const Segment& segment) { return segment.last_tick.contains(battle); });
}

std::size_t JournalIndex::prunable(const Coverage& covered) const {
  std::size_t count = 0;
  for (; count + 1 < segments_.size(); ++count) {
    const auto& battles = segments_[count].last_tick;
    const bool free = std::all_of(battles.begin(), battles.end(), [&](const auto& entry) {
      if (entry.first == BattleId{}) return true;
      const auto found = covered.find(entry.first);
      return found != covered.end() && entry.second <= found->second;
    });
    if (!free) break;
  }
  return count;
}

void JournalIndex::drop_oldest(std::size_t count) {
  DRUM_ASSERT(count < segments_.size() || count == 0);
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace drumline::journal
