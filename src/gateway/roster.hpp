// Who is who in a battle, as one gateway shard knows it from notices. Changes are
// gathered and told in batches: a mass join must not cost players × players messages.
#pragma once

#include <vector>

#include "battle/notices.hpp"
#include "wire/messages.hpp"

namespace drumline::gateway {

class Roster {
 public:
  void apply(const battle::RosterChange& change);

  /// The entries in messages of at most wire::kMaxRosterEntries; the first one is complete.
  std::vector<wire::Roster> complete() const;
  /// What changed since the last call, likewise; empty when nothing did.
  std::vector<wire::Roster> take_changes();

 private:
  struct Entry {
    wire::RosterEntry entry;
    bool changed = false;
  };
  std::vector<Entry> by_player_;
  std::vector<u32> changed_;
};

}  // namespace drumline::gateway
