// Writes snapshots off the tick thread: the tick encodes into a buffer of ours and
// goes on; a thread makes it durable and says when it is.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "base/counter.hpp"
#include "base/spsc_ring.hpp"
#include "env/wakeup.hpp"
#include "snapshot/store.hpp"

namespace drumline::snapshot {

/// A full snapshot every `every_ticks`, the newest `keep` are kept.
struct SnapshotPolicy {
  Tick every_ticks = 512;
  u32 keep = 3;
  /// Battles take turns, so that their snapshots do not fall on one tick.
  bool due(BattleId battle, Tick tick) const {
    return every_ticks != 0 && tick != 0 && (tick + battle.value * 61) % every_ticks == 0;
  }
};

/// Something to write; buffers are reused, so their capacity stays.
struct SnapshotJob {
  SnapshotHeader header;
  bool remove_all = false;  ///< write nothing: header.battle is over, and its snapshots go
  std::vector<std::byte> info;
  std::vector<std::byte> content;
};

/// Memory that a job has from the start; what needs more gets it when it comes.
struct SnapshotRoom {
  std::size_t info_bytes = 0;
  std::size_t content_bytes = 0;
};

/// A job that is done.
struct SnapshotDone {
  SnapshotHeader header;  ///< with content's hash and size
  std::string name;
  bool removed = false;        ///< it was a remove_all
  Tick oldest_kept = 0;        ///< the journal before it may go; 0 none
  std::optional<Error> error;  ///< the snapshot was not written; the battle goes on without
};

/// One thread calls acquire(), submit() and poll().
class SnapshotWriter {
 public:
  /// At most `outstanding` jobs are under way.
  /// `threaded` false: drive() does the work, for tests and the simulator.
  static Result<std::unique_ptr<SnapshotWriter>> create(SnapshotStore store, SnapshotPolicy policy,
                                                        std::size_t outstanding, const SnapshotRoom& room,
                                                        bool threaded);
  /// Writes what was submitted, and stops.
  ~SnapshotWriter();

  /// A job to fill, or null when all are under way: this snapshot is skipped (counted).
  SnapshotJob* acquire();
  void submit(SnapshotJob* job);
  /// The next finished job, if any.
  std::optional<SnapshotDone> poll();
  void drive();

  const SnapshotPolicy& policy() const { return policy_; }
  u64 skipped() const { return skipped_.value(); }
  u64 written() const { return written_.value(); }
  u64 failed() const { return failed_.value(); }

 private:
  SnapshotWriter(SnapshotStore store, SnapshotPolicy policy, std::size_t outstanding,
                 const SnapshotRoom& room, env::Wakeup wakeup);
  bool step();
  void finish(SnapshotJob* job, SnapshotDone done);
  void run();

  SnapshotStore store_;
  SnapshotPolicy policy_;
  std::vector<std::unique_ptr<SnapshotJob>> jobs_;
  std::vector<SnapshotJob*> free_;  ///< the submitting thread's
  SpscRing<SnapshotJob*> full_;
  struct Finished {
    SnapshotJob* job = nullptr;
    SnapshotDone done;
  };
  SpscRing<Finished> done_;
  env::Wakeup wakeup_;
  std::atomic<bool> stopping_{false};
  Counter skipped_, written_, failed_;
  std::thread thread_;
};

}  // namespace drumline::snapshot
