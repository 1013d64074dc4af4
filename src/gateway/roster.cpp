#include "gateway/roster.hpp"

namespace drumline::gateway {
namespace {

void append(std::vector<wire::Roster>& messages, const wire::RosterEntry& entry) {
  if (messages.empty() || messages.back().entries.size() == wire::kMaxRosterEntries) messages.emplace_back();
  messages.back().entries.push_back(entry);
}

}  // namespace

void Roster::apply(const battle::RosterChange& change) {
  const u32 slot = change.player.value;
  if (slot >= by_player_.size()) by_player_.resize(slot + 1);
  const world::Profile profile{0, change.name};
  by_player_[slot].entry = {change.player, change.entity, wire::clean_name(profile.name_view())};
  if (!by_player_[slot].changed) changed_.push_back(slot);
  by_player_[slot].changed = true;
}

std::vector<wire::Roster> Roster::complete() const {
  std::vector<wire::Roster> messages(1);
  for (const Entry& known : by_player_) {
    if (known.entry.entity != EntityId{}) append(messages, known.entry);
  }
  messages.front().complete = true;
  return messages;
}

std::vector<wire::Roster> Roster::take_changes() {
  std::vector<wire::Roster> messages;
  for (const u32 slot : changed_) {
    by_player_[slot].changed = false;
    append(messages, by_player_[slot].entry);
  }
  changed_.clear();
  return messages;
}

}  // namespace drumline::gateway
