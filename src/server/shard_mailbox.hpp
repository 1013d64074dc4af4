// What other threads ask of a battle shard: it takes it at the boundary between two
// ticks. Rare by nature, so a lock guards it; a tick only looks at a flag.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "server/running_battle.hpp"

namespace drumline::server {

/// A battle that is to run from the next tick on: a new one, whose creation is journaled
/// then; or, with `replaces`, one that stands at the last good tick of the one of the same
/// id whose rules failed, and takes its place.
struct InstallBattle {
  std::unique_ptr<RunningBattle> battle;
  bool replaces = false;
};

/// For a shard that makes its battles itself, as it runs in another process: one as the
/// configuration says.
struct MakeBattle {
  BattleId battle;
};

/// Ends a battle: its players are told, its end is journaled.
struct DisposeBattle {
  BattleId battle;
  std::string why;
  wire::EndCause cause = wire::EndCause::ended;
};

/// A message for the rules (world::Rules::on_tell).
struct Tell {
  BattleId battle;
  std::vector<std::byte> message;
  std::promise<Result<void>> outcome;  ///< kept when the tick that it was applied in is durable
};

/// A question for the rules (world::Rules::on_ask). The answer comes when the state that
/// it speaks of is durable.
struct Ask {
  BattleId battle;
  std::vector<std::byte> question;
  TimeNs deadline = 0;  ///< monotonic; later it is answered by a timeout
  std::promise<Result<std::vector<std::byte>>> answer;
};

/// A battle's whole state after a tick that is durable.
struct BattleSnapshot {
  Tick tick = 0;
  u64 state_hash = 0;
  std::vector<std::byte> info;     ///< what the battle is made of: a battle_created payload
  std::vector<std::byte> content;  ///< docs/formats/snapshot.md
};
struct TakeSnapshot {
  BattleId battle;
  TimeNs deadline = 0;
  std::promise<Result<BattleSnapshot>> snapshot;
};

using ShardRequest = std::variant<InstallBattle, MakeBattle, DisposeBattle, Tell, Ask, TakeSnapshot>;

class ShardMailbox {
 public:
  /// More than that wait for the next tick: post() then refuses.
  static constexpr std::size_t kCapacity = 16384;

  /// Any thread. exhausted when the shard does not keep up.
  Result<void> post(ShardRequest request);
  /// The shard's thread.
  bool empty() const { return !filled_.load(std::memory_order_acquire); }
  /// The oldest, `most` of them.
  std::vector<ShardRequest> take(std::size_t most);

 private:
  std::mutex mutex_;
  std::deque<ShardRequest> requests_;
  std::atomic<bool> filled_{false};
};

}  // namespace drumline::server
