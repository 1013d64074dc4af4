// Which battles run on this node, for those who seek one: gateways for a seat, the
// control for what to make. Any thread; behind a lock that no tick takes.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/counter.hpp"
#include "battle/actor.hpp"
#include "battle/descriptor.hpp"

namespace drumline::battle {

/// What any thread may know of one running battle.
struct BattleEntry {
  std::shared_ptr<const BattleDescriptor> descriptor;
  /// The actor's, or those of one after the other: it may end first, or be made anew.
  std::shared_ptr<ActorCounters> counters = std::make_shared<ActorCounters>();
  u32 shard = 0;                ///< the battle shard that runs it
  std::atomic<u32> seated{0};   ///< by the battle's thread, after each tick
  std::atomic<u32> claimed{0};  ///< seats that gateways asked for, without an answer yet
  std::atomic<Tick> tick{0};
  std::atomic<bool> open{true};                               ///< takes players; false: it is about to end
  std::atomic<wire::EndCause> end{wire::EndCause::finished};  ///< of one that is not open any more
  std::atomic<u32> failures{0};  ///< times that its rules failed and it was started again
  /// It ended with the process that it ran in: no further frame comes. (A battle that was brought
  /// back from its journal gets a new entry, which knows none of its sessions.)
  std::atomic<bool> lost{false};

  bool has_room() const {
    return open.load(std::memory_order_relaxed) &&
           seated.load(std::memory_order_relaxed) + claimed.load(std::memory_order_relaxed) <
               descriptor->max_players;
  }
};

class BattleDirectory {
 public:
  using Entry = std::shared_ptr<BattleEntry>;

  void add(Entry entry);
  void remove(BattleId id);

  /// Null when it does not run here.
  Entry find(BattleId id) const;
  /// A battle of `game` (empty: any) with a free seat, the oldest first, with the seat
  /// claimed: until the answer, release() follows. Null when there is none.
  Entry claim(std::string_view game);
  static void release(BattleEntry& entry) { entry.claimed.fetch_sub(1, std::memory_order_relaxed); }

  std::vector<Entry> all() const;
  std::size_t size() const;
  /// Changes whenever a battle comes or goes: who waits for one looks again then.
  u64 version() const { return version_.load(std::memory_order_acquire); }
  /// Changes whenever a battle that was there gets another entry, or is lost: rarer by far.
  u64 renewals() const { return renewals_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::map<BattleId, Entry> entries_;
  BattleId look_from_{};  ///< battles before it had no room when last looked at
  std::atomic<u64> version_{0};
  std::atomic<u64> renewals_{0};
};

}  // namespace drumline::battle
