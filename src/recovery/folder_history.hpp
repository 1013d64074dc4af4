// One battle of a data folder as a History: ticks from the journal, states from its
// creation and its snapshots, in the journal or in files. Changes nothing on the disk.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "journal/format.hpp"
#include "recording/history.hpp"
#include "snapshot/store.hpp"

namespace drumline::recovery {

/// Keeps 16 bytes a tick; the records themselves are read from the journal when asked for.
class FolderHistory final : public recording::History {
 public:
  /// Reads the journal through once. `battle` 0: the only one that there is. not_found
  /// when there is no such battle or no state to begin at; else the journal's own damage.
  static Result<std::unique_ptr<FolderHistory>> open(env::FileSystem& files, const std::string& data,
                                                     BattleId battle);

  Result<recording::StoredState> load_state(Tick tick) override;
  Result<void> read_tick(Tick tick, battle::TickRecord& out) override;

 private:
  struct Place {
    u32 segment = 0;
    u32 bytes = 0;
    u64 offset = 0;
  };

  FolderHistory(env::FileSystem& files, const std::string& data);
  Result<void> read_journal(BattleId battle);
  Result<void> take(const journal::Record& record);
  Result<void> find_states();
  Result<snapshot::Snapshot> load_snapshot(Tick tick) const;
  Result<journal::Record> read_record(const Place& place, Tick tick);
  Result<recording::StoredState> load_inline(Tick tick);

  env::FileSystem& files_;
  std::string folder_;  ///< the journal's
  snapshot::SnapshotStore store_;
  bool has_creation_ = false;
  u64 created_hash_ = 0;
  Tick first_journaled_ = 0;      ///< tick of places_.front()
  std::vector<Place> places_;     ///< of the tick records, tick after tick
  std::map<Tick, Place> inline_;  ///< snapshots in the journal itself
  u32 open_segment_ = 0;
  std::unique_ptr<env::File> file_;  ///< of open_segment_
  std::vector<std::byte> record_;
};

/// The history in `path`: a recording's when it is a file, else that of `battle` (0: the
/// only one) in a data folder.
Result<std::unique_ptr<recording::History>> open_history(env::FileSystem& files, const std::string& path,
                                                         BattleId battle);

/// That this program does not have the game which the battle is of.
Error unknown_game(const battle::BattleInfo& info);

}  // namespace drumline::recovery
