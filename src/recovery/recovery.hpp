// From a data folder to running battles, with proof: each resumes with the state
// hash that the journal holds for its last tick, and says so.
//
// A data folder is DATA/journal (docs/formats/journal.md) and DATA/snapshots
// (docs/formats/snapshot-store.md).
#pragma once

#include "env/clock.hpp"
#include "journal/reader.hpp"
#include "recovery/battle_replay.hpp"

namespace drumline::recovery {

std::string journal_folder(const std::string& data);
std::string snapshot_folder(const std::string& data);

struct BattleReport {
  BattleId id;
  std::string game;
  Epoch epoch;  ///< the last that wrote it: the next writer takes a higher one
  Tick resumed_tick = 0;
  u64 state_hash = 0;
  bool equal = false;      ///< every replayed tick had the journal's hash
  Tick snapshot_tick = 0;  ///< 0: began at its creation
  u64 ticks_replayed = 0;
  double milliseconds = 0;
  std::optional<Error> failure;  ///< names battle and tick; then there is no battle to run
};

struct RecoveredBattle {
  std::unique_ptr<battle::Battle> battle;  ///< null when the report has a failure
  BattleReport report;
};

struct Recovery {
  std::vector<RecoveredBattle> battles;  ///< not the disposed ones; by id
  std::vector<BattleId> disposed;        ///< their snapshots and records may go
  journal::JournalEnd end;               ///< segment 0: there is no journal yet
  journal::JournalIndex index;
  std::vector<journal::TornTail> torn;
  std::vector<snapshot::DamagedSnapshot> damaged;
  u64 records = 0;
  double milliseconds = 0;
  bool repaired = false;  ///< torn tails are cut; a Writer may resume at `end`
  bool ok() const { return repaired; }
};

/// Reads the journal whole, replays each battle from its newest valid snapshot,
/// and, if all went well, cuts torn tails so that a Writer can resume. An error is
/// the journal's (segment, offset, reason); a battle's own is in its report, and
/// then nothing was changed on the disk.
Result<Recovery> recover_data_folder(env::FileSystem& files, const std::string& data,
                                     const GameLookup& lookup, const env::Clock& clock);

}  // namespace drumline::recovery
