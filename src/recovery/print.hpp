// What replay, record and inspect print: a line at a time, for people or, with json, one
// JSON object a line.
#pragma once

#include <functional>
#include <string_view>

#include "recovery/fork.hpp"
#include "recovery/recovery.hpp"

namespace drumline::recovery {

using LineSink = std::function<void(std::string_view line)>;

enum class ReplayPrint {
  hash,   ///< a line a tick: its hash and whether it is the recorded one
  state,  ///< every live row of every table, at the last tick
  events  ///< a line an event
};

struct ReplayOptions {
  BattleId battle{};   ///< 0: the only one
  Tick from_tick = 0;  ///< begins in this tick's state; 0: at the first one kept
  Tick to_tick = 0;    ///< 0: to the end
  ReplayPrint print = ReplayPrint::hash;
  bool json = false;
  bool force = false;  ///< also what another simulation recorded, and on after a difference
  const InputChanges* changes = nullptr;  ///< what a fork changes; null: nothing is
  std::string out{};                      ///< where a fork is recorded; empty: nowhere
};

struct ReplayResult {
  Tick tick = 0;  ///< reached
  u64 state_hash = 0;
  bool equal = false;  ///< every tick was as recorded
};

/// Replays one battle of a data folder or a recording, or a fork of it, and prints it.
/// not_found when there is no such battle or it ends before `to_tick`; a difference is an
/// error that names battle and tick, after the lines up to it, unless forced. That a fork
/// differs is no error.
Result<ReplayResult> replay_battle(env::FileSystem& files, const std::string& path, const GameLookup& lookup,
                                   const ReplayOptions& options, const LineSink& sink);

struct RecordOptions {
  BattleId battle{};  ///< 0: the only one
  std::string out;
  u32 snapshot_every = 0;  ///< ticks; 0: recording::kDefaultSnapshotEvery
  bool force = false;      ///< also what another simulation recorded
};

struct RecordResult {
  BattleId battle;
  Tick first_tick = 0;
  Tick last_tick = 0;
  u64 state_hash = 0;  ///< of the last tick
  u64 bytes = 0;
};

/// Exports one battle of a data folder (or of a recording, with other snapshots) as a
/// recording, while it is replayed: a tick that is not as recorded is an error, and no
/// file is left. `progress`, if any, gets the part that is done.
Result<RecordResult> record_battle(env::FileSystem& files, const std::string& path, const GameLookup& lookup,
                                   const RecordOptions& options, const std::function<void(double)>& progress);

struct InspectResult {
  u64 records = 0;
  u64 damage = 0;  ///< places; each was printed
};

/// Prints a journal segment, a snapshot or a recording, damage and its place included, and
/// goes on after it as far as that makes sense. An error when the file is none of them.
Result<InspectResult> inspect(env::FileSystem& files, const std::string& path, bool json,
                              const LineSink& sink);

/// The recording's part of it.
Result<InspectResult> inspect_recording(env::FileSystem& files, const std::string& path, bool json,
                                        const LineSink& sink);

}  // namespace drumline::recovery
