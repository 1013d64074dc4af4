// One of the two that explain compares: a recording, a data folder's battle, or what a
// client reported.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "battle/battle.hpp"
#include "desync/client_report.hpp"
#include "desync/compare_states.hpp"
#include "recording/player.hpp"

namespace drumline::desync {

/// A state as a side had it.
struct KnownState {
  Tick tick = 0;
  std::vector<std::byte> content;  ///< world::encode_snapshot's
  std::string how;                 ///< "kept", "replayed" or "sent by the client"
};

/// A change of one field.
struct FieldWrite {
  Tick tick = 0;
  std::string by;  ///< which input, in words, or the rules' step
  i64 before = 0;
  i64 after = 0;
};

/// The last writes to a field up to a tick, as far back as was looked.
struct FieldWrites {
  Tick looked_from = 0;  ///< the state of this tick has `first_value`
  i64 first_value = 0;
  std::vector<FieldWrite> writes;  ///< the last few, oldest first
  u64 count = 0;                   ///< of all since looked_from
};

/// One thread.
class Side {
 public:
  /// `battle` 0: the only one in a data folder.
  static Result<std::unique_ptr<Side>> open(env::FileSystem& files, const std::string& path, BattleId battle,
                                            const recording::GameLookup& lookup);

  const std::string& name() const { return name_; }
  BattleId battle() const { return history_ ? history_->info().id : report_->battle; }
  /// Null for a report.
  recording::History* history() { return history_.get(); }
  /// The hashes that a client reported; null for a history.
  const std::vector<TickHash>* reported() const { return report_ ? &report_->hashes : nullptr; }
  recording::Origin origin() const;
  Tick first_tick() const { return history_ ? history_->first_tick() : report_->hashes.front().tick; }
  Tick last_tick() const { return history_ ? history_->last_tick() : report_->hashes.back().tick; }

  /// Its hash of that tick; nothing when it has none of it.
  Result<std::optional<u64>> hash(Tick tick);
  /// The inputs of the tick; nothing when it holds none. Until the next call.
  Result<std::optional<std::span<const battle::Input>>> inputs(Tick tick);
  /// Its state of that tick: kept, or replayed where that leads to the hash that it had.
  /// Nothing when it cannot be known.
  std::optional<KnownState> state(Tick tick);
  /// Ticks from `tick` on of which it holds a state without a replay, at most `limit`.
  std::vector<Tick> kept_states(Tick tick, std::size_t limit) const;
  /// True when this program, playing this side from a state kept before that tick, comes to
  /// the side's hash of it.
  bool reproduces(Tick tick);
  /// Plays this side up to that tick twice from one kept state, and from an older one.
  /// Where that does not lead to one state, what it was, in words; else nothing.
  std::string unrepeated(Tick tick);
  /// The last writes to the field up to `tick`, by playing this side again. Nothing for a
  /// report, or when it cannot be played.
  std::optional<FieldWrites> writes(const FieldDifference& field, Tick tick);

 private:
  explicit Side(std::string name) : name_(std::move(name)) {}
  std::unique_ptr<battle::Battle> play_to(Tick tick);
  std::optional<u64> hash_played(Tick from, Tick to);

  std::string name_;
  std::unique_ptr<recording::History> history_;
  const world::Game* game_ = nullptr;
  std::optional<ClientReport> report_;
  battle::TickRecord record_;
};

}  // namespace drumline::desync
