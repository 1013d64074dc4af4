// What was kept of one battle, whatever keeps it (a recording, a data folder): what
// it is made of, each tick's inputs and state hash, and the whole state at some ticks.
// From that any tick's state follows by stepping (player.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "battle/battle.hpp"
#include "battle/journal_records.hpp"

namespace drumline::recording {

/// Which program stepped the battle when it was kept. Empty where it is not known.
struct Origin {
  std::string simulation;  ///< battle::simulation_id()
  std::string build;       ///< battle::build_id()

  friend bool operator==(const Origin&, const Origin&) = default;
};
/// This program.
Origin own_origin();

/// Bytes that do not hold what they should.
struct Damage {
  u64 offset = 0;
  std::string what;
};

/// A whole state that was kept.
struct StoredState {
  Tick tick = 0;
  u64 state_hash = 0;
  /// The state as created, of which no bytes are kept: Battle::create makes it.
  bool as_created = false;
  std::vector<std::byte> content;  ///< world::encode_snapshot's
};

/// One thread at a time.
class History {
 public:
  virtual ~History() = default;

  /// Its path, for errors.
  const std::string& name() const { return name_; }
  const battle::BattleInfo& info() const { return info_; }
  const Origin& origin() const { return origin_; }
  /// The earliest tick whose state is kept: the ticks after it can be played.
  Tick first_tick() const { return first_tick_; }
  Tick last_tick() const { return last_tick_; }
  /// Ticks of which a whole state is kept, ascending, the first one first. One of them
  /// may turn out to be damaged when it is loaded.
  const std::vector<Tick>& stored_ticks() const { return stored_ticks_; }
  /// Where what can be read ends early, and anything passed over since.
  const std::vector<Damage>& damage() const { return damage_; }

  /// `tick` must be one of stored_ticks().
  virtual Result<StoredState> load_state(Tick tick) = 0;
  /// Replaces `out` by a tick of (first_tick(), last_tick()]. Messages in its inputs are
  /// views that hold until the next call. Ascending calls are fast.
  virtual Result<void> read_tick(Tick tick, battle::TickRecord& out) = 0;

  /// The hash of a tick of [first_tick(), last_tick()], as recorded.
  Result<u64> recorded_hash(Tick tick);

 protected:
  std::string name_;
  battle::BattleInfo info_;
  Origin origin_;
  Tick first_tick_ = 0;
  Tick last_tick_ = 0;
  std::vector<Tick> stored_ticks_;
  std::vector<Damage> damage_;
};

/// Nothing when this program runs the simulation that the history was made by, or that
/// is not known. Else a mismatch that names both ids; with `force`, what may follow
/// from it is put into `notes` instead. That only the compiler is another is noted.
Result<void> check_origin(const History& history, bool force, std::vector<std::string>& notes);

}  // namespace drumline::recording
