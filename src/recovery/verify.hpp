// Replays all that a data folder holds and compares the state hash of each tick.
// Changes nothing.
#pragma once

#include "env/clock.hpp"
#include "recovery/recovery.hpp"

namespace drumline::recovery {

struct VerifyProgress {
  double part = 0;  ///< of the journal, 0 .. 1
  u64 battles = 0;
  u64 ticks = 0;
  u64 differences = 0;
};

struct Difference {
  BattleId battle;
  Tick tick = 0;
  Error error;
};

struct Verification {
  u64 battles = 0;
  u64 pruned_battles = 0;  ///< of those, ended ones whose beginning is pruned: not replayed
  u64 ticks = 0;           ///< compared
  u64 snapshots = 0;       ///< whose journaled hash was compared
  u64 records = 0;
  u64 journal_bytes = 0;
  /// The first of each battle: what follows in it differs for that reason.
  std::vector<Difference> differences;
  std::vector<journal::TornTail> torn;
  std::vector<snapshot::DamagedSnapshot> damaged;
  std::vector<recording::Damage> damage;  ///< places of a recording; its ticks from there to the next
                                          ///< state that holds are not compared
  double milliseconds = 0;
};

/// Each battle from its creation, or from its oldest snapshot where the journal's
/// beginning was pruned. An error is the journal's own damage, place named.
/// `progress`, if any, is called every 10 ms or so.
Result<Verification> verify_data_folder(env::FileSystem& files, const std::string& data,
                                        const GameLookup& lookup, const env::Clock& clock,
                                        const std::function<void(const VerifyProgress&)>& progress);

/// Several of them as one: those of a node's battle groups (data_folders.hpp).
Result<Verification> verify_data_folders(env::FileSystem& files, const std::vector<std::string>& folders,
                                         const GameLookup& lookup, const env::Clock& clock,
                                         const std::function<void(const VerifyProgress&)>& progress);

/// The same for a recording: every tick from the first, and every state in it byte for byte.
/// A recording of another simulation is refused unless forced; `notes` gets what that may mean.
Result<Verification> verify_recording(env::FileSystem& files, const std::string& path,
                                      const GameLookup& lookup, const env::Clock& clock, bool force,
                                      std::vector<std::string>& notes,
                                      const std::function<void(const VerifyProgress&)>& progress);

}  // namespace drumline::recovery
