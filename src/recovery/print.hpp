// What replay and inspect print: a line at a time, for people or, with json, one
// JSON object a line.
#pragma once

#include <functional>
#include <string_view>

#include "recovery/recovery.hpp"

namespace drumline::recovery {

using LineSink = std::function<void(std::string_view line)>;

enum class ReplayPrint {
  hash,   ///< a line a tick: its hash and whether the journal has the same
  state,  ///< every live row of every table, at the last tick
  events  ///< a line an event
};

struct ReplayOptions {
  BattleId battle;
  Tick to_tick = 0;  ///< 0: to the journal's end
  ReplayPrint print = ReplayPrint::hash;
  bool json = false;
};

struct ReplayResult {
  Tick tick = 0;  ///< reached
  u64 state_hash = 0;
  bool equal = false;
};

/// Replays one battle of a data folder and prints it. not_found when the journal
/// has no such battle or ends before `to_tick`; a difference is an error that
/// names battle and tick, after the lines up to it.
Result<ReplayResult> replay_battle(env::FileSystem& files, const std::string& data, const GameLookup& lookup,
                                   const ReplayOptions& options, const LineSink& sink);

struct InspectResult {
  u64 records = 0;
  u64 damage = 0;  ///< places; each was printed
};

/// Prints a journal segment or a snapshot, damage and its place included, and goes
/// on after it as far as that makes sense. An error when the file is neither.
Result<InspectResult> inspect(env::FileSystem& files, const std::string& path, bool json,
                              const LineSink& sink);

}  // namespace drumline::recovery
