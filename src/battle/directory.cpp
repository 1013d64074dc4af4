#include "battle/directory.hpp"

#include <utility>

namespace drumline::battle {

void BattleDirectory::add(Entry entry) {
  const std::lock_guard lock(mutex_);
  const BattleId id = entry->descriptor->id;
  Entry& here = entries_[id];
  if (here != nullptr) renewals_.fetch_add(1, std::memory_order_release);
  here = std::move(entry);
  look_from_ = std::min(look_from_, id);
  version_.fetch_add(1, std::memory_order_release);
}

void BattleDirectory::remove(BattleId id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  if (found->second->lost.load()) renewals_.fetch_add(1, std::memory_order_release);
  entries_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
}

BattleDirectory::Entry BattleDirectory::find(BattleId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second;
}

BattleDirectory::Entry BattleDirectory::claim(std::string_view game) {
  const std::lock_guard lock(mutex_);
  // Thousands of full battles are passed over once, not at every join; when one of
  // them may have room again, the second round finds it.
  for (int round = 0; round < 2; ++round) {
    for (auto at = entries_.lower_bound(look_from_); at != entries_.end(); ++at) {
      const Entry& entry = at->second;
      if ((!game.empty() && entry->descriptor->game != game) || !entry->has_room()) continue;
      entry->claimed.fetch_add(1, std::memory_order_relaxed);
      if (game.empty()) look_from_ = at->first;
      return entry;
    }
    if (look_from_ == BattleId{}) break;
    look_from_ = {};
  }
  return nullptr;
}

std::vector<BattleDirectory::Entry> BattleDirectory::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> all;
  all.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) all.push_back(entry);
  return all;
}

std::size_t BattleDirectory::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace drumline::battle
