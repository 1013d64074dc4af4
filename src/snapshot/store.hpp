// Snapshots of battles on the local disk: DATA/snapshots/battle-<id>/<tick>.snap.
// A snapshot is there whole or not at all. Format: docs/formats/snapshot-store.md.
#pragma once

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "env/file.hpp"

namespace drumline::snapshot {

inline constexpr std::size_t kSnapshotHeaderBytes = 80;
/// A larger snapshot file is refused unread.
inline constexpr u64 kMaxSnapshotFileBytes = u64{1} << 30;
/// The newest one may be of a tick whose inputs the journal lost in a crash, as
/// nobody had seen them: then the one before is the way back.
inline constexpr u32 kMinKept = 2;

/// What a snapshot file's header says.
struct SnapshotHeader {
  BattleId battle{};
  Epoch epoch{};
  Tick tick = 0;
  u64 state_hash = 0;    ///< the world's, at that tick
  u64 content_hash = 0;  ///< XXH3-64 of the content
  u64 content_bytes = 0;
  u32 info_bytes = 0;
};

/// A snapshot as read: checked against its header.
struct Snapshot {
  SnapshotHeader header;
  std::string path;
  std::vector<std::byte> bytes;  ///< the whole file
  /// What the battle is made of, in the engine's format: enough to go on without
  /// the journal's beginning.
  Bytes info() const { return Bytes(bytes).subspan(kSnapshotHeaderBytes, header.info_bytes); }
  Bytes content() const {
    return Bytes(bytes).subspan(kSnapshotHeaderBytes + header.info_bytes, header.content_bytes);
  }
};

/// A snapshot that was passed over, and why.
struct DamagedSnapshot {
  std::string path;
  Error error;
};

/// "00000000000000001024.snap": by name, snapshots sort by tick.
std::string snapshot_name(Tick tick);

/// XXH3-64, as in the header.
u64 content_hash(Bytes content);

/// Reads and checks one snapshot file. malformed, corrupt or mismatch name the file and what does not hold.
Result<Snapshot> read_snapshot_file(env::FileSystem& files, const std::string& path);

/// Stateless but for the folder; one thread at a time for each battle.
class SnapshotStore {
 public:
  /// `folder`: DATA/snapshots. Made with the first snapshot.
  SnapshotStore(env::FileSystem& files, std::string folder) : files_(files), folder_(std::move(folder)) {}

  /// Makes a snapshot durable: temporary file, sync, rename, sync of the folder.
  /// hash and sizes in `header` are filled in here. Returns its name.
  Result<std::string> write(SnapshotHeader header, Bytes info, Bytes content);

  /// Battles that have a folder, ascending.
  Result<std::vector<BattleId>> battles() const;
  /// Ticks of a battle's snapshots, ascending; damaged ones included, as only load() looks inside.
  Result<std::vector<Tick>> ticks(BattleId battle) const;
  Result<Snapshot> load(BattleId battle, Tick tick) const;

  /// The newest valid snapshot at or before `max_tick`; older ones are tried when
  /// it is damaged, and `damaged`, when given, says which were passed over.
  /// not_found when there is none.
  Result<Snapshot> load_latest(BattleId battle, Tick max_tick, std::vector<DamagedSnapshot>* damaged) const;
  /// The oldest valid one at or after `min_tick`, likewise.
  Result<Snapshot> load_oldest(BattleId battle, Tick min_tick, std::vector<DamagedSnapshot>* damaged) const;

  /// Removes what is older than the newest `keep` snapshots (never fewer than kMinKept) that were read back
  /// and are valid; a damaged one does not count, and with fewer valid ones than
  /// that nothing goes. Returns the oldest valid one that is kept (0 when there is
  /// none): the journal must hold everything after it.
  Result<Tick> prune(BattleId battle, u32 keep);
  /// All of a battle's snapshots; for one that was disposed.
  Result<void> remove_all(BattleId battle);

  std::string battle_folder(BattleId battle) const;

 private:
  env::FileSystem& files_;
  std::string folder_;
};

}  // namespace drumline::snapshot
