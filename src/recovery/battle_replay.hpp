// One battle on its way from the journal: begins at its creation or at a snapshot,
// takes its records in order, and compares the state hash of every tick.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "battle/battle.hpp"
#include "battle/journal_records.hpp"
#include "journal/format.hpp"
#include "recording/player.hpp"
#include "snapshot/store.hpp"
#include "world/rules.hpp"

namespace drumline::recovery {

using recording::GameLookup;

/// Which snapshot a replay begins at.
enum class Begin {
  newest,  ///< the newest valid one: to resume
  oldest,  ///< the creation if the journal still has it, else the oldest valid one: to verify
};

class BattleReplay {
 public:
  /// `latest_start`: no snapshot after this tick is used.
  BattleReplay(BattleId id, const GameLookup& lookup, const snapshot::SnapshotStore& store, Begin begin,
               Tick latest_start);

  /// Takes the battle's next record. The outcome is set when it was a tick that
  /// was replayed, and holds until the next call. An error (the battle, the tick,
  /// what differs) is kept: later records are ignored.
  std::optional<battle::TickOutcome> feed(const journal::Record& record);
  /// There are no further records: without a snapshot to begin at so far, it has failed.
  void end();
  /// It has met records that it could not begin with, and no snapshot since.
  bool waits() const { return waiting_.has_value(); }

  BattleId id() const { return id_; }
  /// Null before the first record, and when it could not begin.
  const battle::Battle* battle() const { return battle_.get(); }
  std::unique_ptr<battle::Battle> take_battle() { return std::move(battle_); }
  const std::optional<Error>& failure() const { return failure_; }
  /// The tick of the failure; 0 when it is about the beginning.
  Tick failure_tick() const { return failure_tick_; }
  bool disposed() const { return disposed_; }
  /// Where it began: 0 at the creation.
  Tick snapshot_tick() const { return snapshot_tick_; }
  /// The last tick that the journal holds.
  Tick journaled_tick() const { return journaled_tick_; }
  u64 replayed_ticks() const { return replayed_; }
  /// Snapshots whose journaled state hash the replayed state had.
  u64 snapshots_compared() const { return snapshots_compared_; }
  /// The inputs of the last tick that was fed.
  std::span<const battle::Input> inputs() const { return tick_.inputs; }
  const std::vector<snapshot::DamagedSnapshot>& damaged() const { return damaged_; }

 private:
  void fail(Tick tick, Error error);
  void begin(const journal::Record& record);
  bool begin_at_snapshot(const journal::Record& first);
  void begin_inline(const journal::Record& record);
  Result<std::unique_ptr<battle::Battle>> restore(Bytes info, Bytes content, Epoch epoch, Tick tick,
                                                  std::optional<u64> state_hash) const;
  std::optional<battle::TickOutcome> feed_tick(const journal::Record& record);
  void compare_snapshot(const journal::Record& record);
  void compare_inline(const journal::Record& record);
  std::string where(Tick tick) const;

  BattleId id_;
  const GameLookup& lookup_;
  const snapshot::SnapshotStore& store_;
  Begin begin_;
  Tick latest_start_;
  std::unique_ptr<battle::Battle> battle_;
  std::optional<Error> failure_;
  Tick failure_tick_ = 0;
  bool begun_ = false;
  std::optional<Error> waiting_;  ///< why it could not begin yet: a snapshot in the journal may follow
  bool disposed_ = false;
  Tick snapshot_tick_ = 0;
  Tick journaled_tick_ = 0;
  u64 replayed_ = 0;
  u64 snapshots_compared_ = 0;
  battle::TickRecord tick_;
  std::array<u64, 512> hashes_{};  ///< of the last replayed ticks
  std::vector<snapshot::DamagedSnapshot> damaged_;
};

}  // namespace drumline::recovery
