// Steps 3 to 5 of the one path for the battles of one shard: inputs, step, journal,
// broadcast. One thread; no I/O of its own. tick_requests.cpp: what other threads ask.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/broadcast_ring.hpp"
#include "env/clock.hpp"
#include "env/watchdog.hpp"
#include "journal/group_committer.hpp"
#include "server/frame_packer.hpp"
#include "server/running_battle.hpp"
#include "server/shard_mailbox.hpp"
#include "snapshot/writer.hpp"

namespace drumline::server {

/// A battle whose rules failed: what it takes to report it, and to start it again.
struct FailedBattle {
  std::shared_ptr<battle::BattleEntry> entry;
  const world::Game* game = nullptr;
  battle::BattleInfo info;
  Tick tick = 0;  ///< the one that failed
  std::string reason;
  battle::LastGood::Way way;      ///< to the tick before
  std::vector<std::byte> inputs;  ///< that the tick was given, as a tick payload with hash 0
  u32 failures = 1;               ///< in a row
};

/// Told of what happens to battles and is somebody else's to deal with. On the shard's
/// thread; must not block.
class BattleEvents {
 public:
  virtual ~BattleEvents() = default;
  /// A new battle runs from this tick on: players may be sent to it.
  virtual void on_installed(const std::shared_ptr<battle::BattleEntry>& entry) = 0;
  virtual void on_failed(FailedBattle failed) = 0;
  /// Its last frame is published and its end journaled. To take it apart takes longer than
  /// a tick likes.
  virtual void on_ended(std::unique_ptr<RunningBattle> battle) = 0;
};

/// Counted on the tick's thread, read by any.
struct PipelineCounters {
  Counter ticks;
  Counter battle_ticks;
  Counter inputs;
  Counter inputs_astray;  ///< for a battle that does not run here (any more)
  Counter tells_lost;     ///< likewise, or of which too many waited
  Counter frames;
  Counter frame_bytes;
  Counter notices_delayed;
  Counter snapshots_failed;
  Counter battles_created, battles_ended, battles_failed;
  Gauge tick;  ///< of the first battle
  Gauge battles;
  Gauge players;         ///< seated in all battles
  Histogram step_ns;     ///< inputs, steps and journal records
  Histogram encode_ns;   ///< frames
  Histogram work_ns;     ///< a whole tick of the shard
  Histogram install_ns;  ///< taking a battle in at a tick's boundary
  Histogram end_ns;      ///< letting go of one
};

struct PipelineOptions {
  u32 lane = 0;                                  ///< of the group committer
  snapshot::SnapshotPolicy snapshots;            ///< for both kinds of snapshots
  std::size_t inline_snapshot_bytes = 64 << 10;  ///< battles up to so large keep theirs in the journal
  /// Good ticks after which a failure counts as a first one again.
  Tick forgive_after_ticks = 625;
};

class TickPipeline {
 public:
  /// References outlive the pipeline. `inbound`: one ring from each gateway shard.
  TickPipeline(const PipelineOptions& options, std::span<battle::InboundRing* const> inbound,
               journal::GroupCommitter& committer, snapshot::SnapshotWriter& snapshots, BroadcastRing& frames,
               ShardMailbox& mailbox, BattleEvents& events, const env::Clock& clock);

  /// Before the first tick: battles that are in the journal already.
  void add(std::unique_ptr<RunningBattle> battle);
  /// What keeps rules in bounds, on the ticks' own thread; null: nothing does.
  void set_guard(env::Watchdog::Guard* guard) { guard_ = guard; }

  /// How long ticks take from the next one on, in percent of their normal length.
  void set_pace(u32 percent) { pace_percent_ = percent; }

  /// One tick of every battle. False, with nothing done, while the disk does not
  /// keep up: the tick is then late, not lost.
  bool run_tick();
  const PipelineCounters& counters() const { return counters_; }

 private:
  void receive_requests();
  void receive(InstallBattle& install);
  void receive(MakeBattle& make);
  void receive(DisposeBattle& dispose);
  void receive(Tell& tell);
  void receive(Ask& ask);
  void receive(TakeSnapshot& take);
  void receive_later_tells();
  void receive_inputs();
  void prefetch_after(std::size_t i) const;
  void step(RunningBattle& battle);
  void on_failed(RunningBattle& battle, std::string reason);
  void append_to_journal(RunningBattle& battle);
  void choose_what_follows(RunningBattle& battle);
  bool shows_state(const RunningBattle& battle) const;
  void append_finished_snapshots();
  void append_inline_snapshot(RunningBattle& battle);
  void append_end(const RunningBattle& battle, Tick tick);
  void append(const journal::RecordInfo& info, Bytes payload);
  MutableBytes open_record(std::size_t max_bytes);
  void answer_requests();
  void answer_tells();
  void publish_frame(RunningBattle& battle);
  void publish_end(RunningBattle& battle);
  void queue_notices(RunningBattle& battle);
  void queue_parts(RunningBattle& battle);
  void take_snapshot(const RunningBattle& battle);
  void end_battles();
  void remove_snapshots_of_the_ended();
  void count(TimeNs begun, TimeNs stepped, TimeNs encoded);
  RunningBattle* find(BattleId id);
  bool keeps_snapshots_inline(const RunningBattle& battle) const;

  PipelineOptions options_;
  std::vector<battle::InboundRing*> inbound_;
  journal::GroupCommitter& committer_;
  snapshot::SnapshotWriter& snapshots_;
  ShardMailbox& mailbox_;
  BattleEvents& events_;
  const env::Clock& clock_;
  env::Watchdog::Guard* guard_ = nullptr;
  u32 pace_percent_ = world::kNormalPacePercent;
  FramePacker packer_;
  journal::Batch* batch_ = nullptr;                      ///< of the tick under way
  std::vector<std::unique_ptr<RunningBattle>> battles_;  // by id
  std::unordered_map<BattleId, RunningBattle*> by_id_;
  std::vector<RunningBattle*> showing_;             ///< in this tick: they have a frame
  std::vector<const RunningBattle*> snapshotting_;  ///< in this tick: into a file
  bool ending_ = false;                             ///< in this tick a battle comes to its end
  std::vector<std::byte> snapshot_;                 ///< scratch for one that goes into the journal

  // Rare, and empty in a steady tick.
  std::vector<Ask> asks_;
  std::vector<TakeSnapshot> snapshot_requests_;
  struct PendingTell {
    u64 number;
    BattleId battle;
    std::promise<Result<void>> promise;
  };
  std::vector<PendingTell> tells_;  ///< in a tick, or in one that failed
  std::vector<Tell> later_tells_;   ///< that found no room in it, or whose battle stands still
  u64 next_tell_ = 1;
  struct Told {
    u64 journal_sequence;
    std::promise<Result<void>> promise;
    Result<void> result;
  };
  std::vector<Told> told_;
  struct Answer {
    u64 journal_sequence;  ///< given when this is durable
    std::promise<Result<std::vector<std::byte>>> promise;
    std::vector<std::byte> bytes;
  };
  std::vector<Answer> answers_;
  struct SnapshotAnswer {
    u64 journal_sequence;
    std::promise<Result<BattleSnapshot>> promise;
    BattleSnapshot snapshot;
  };
  std::vector<SnapshotAnswer> snapshot_answers_;
  struct Ended {
    u64 journal_sequence;
    BattleId battle;
    bool has_snapshot_files;
  };
  std::vector<Ended> ended_;  ///< whose snapshots go when their end is durable
  i64 players_ = 0;           ///< seated in the battles stepped so far in this tick
  PipelineCounters counters_;
};

}  // namespace drumline::server
