// Steps 3 to 5 of the one path for the battles of one shard: inputs, step,
// journal, broadcast. One thread; no I/O of its own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/broadcast_ring.hpp"
#include "battle/actor.hpp"
#include "broadcast/cell_encoder.hpp"
#include "env/clock.hpp"
#include "journal/group_committer.hpp"
#include "snapshot/writer.hpp"

namespace drumline::server {

/// A battle and what turns its state into frames.
struct RunningBattle {
  std::unique_ptr<battle::BattleActor> actor;
  std::unique_ptr<broadcast::CellEncoder> encoder;
  std::vector<std::byte> info;              ///< as snapshots carry it
  std::vector<broadcast::SeatState> seats;  ///< by player slot, for the encoder
  broadcast::MessageQueue messages;         ///< notices on their way into a frame
  battle::TickOutcome outcome;              ///< of the tick under way
};

/// The most that one tick's frame takes in the frame ring.
std::size_t frame_room_bytes(const RunningBattle& battle);

/// Counted on the tick's thread, read by any.
struct PipelineCounters {
  Counter ticks;
  Counter inputs;
  Counter frames;
  Counter frame_bytes;
  Counter notices_delayed;
  Counter snapshots_failed;
  Gauge tick;     ///< of the first battle
  Gauge players;  ///< seated in all battles
  Histogram step_ns;
  Histogram encode_ns;
  Histogram work_ns;  ///< a whole tick of the shard
};

class TickPipeline {
 public:
  /// References outlive the pipeline. `inbound`: one ring from each gateway shard.
  TickPipeline(std::vector<RunningBattle> battles, std::span<battle::InboundRing* const> inbound,
               journal::GroupCommitter& committer, snapshot::SnapshotWriter& snapshots, BroadcastRing& frames,
               const env::Clock& clock);

  /// One tick of every battle. False, with nothing done, while the disk does not
  /// keep up: the tick is then late, not lost.
  bool run_tick();
  const PipelineCounters& counters() const { return counters_; }
  std::span<const RunningBattle> battles() const { return battles_; }

 private:
  void receive_inputs();
  void append_to_journal(journal::Batch& batch, const RunningBattle& battle);
  void append_finished_snapshots(journal::Batch& batch);
  void let_journal_go(BattleId battle, Tick up_to);
  void queue_notices(RunningBattle& battle);
  void publish_frame(RunningBattle& battle, u64 journal_sequence);
  void take_snapshot(const RunningBattle& battle);

  std::vector<RunningBattle> battles_;
  std::vector<battle::InboundRing*> inbound_;
  journal::GroupCommitter& committer_;
  snapshot::SnapshotWriter& snapshots_;
  BroadcastRing& frames_;
  const env::Clock& clock_;
  PipelineCounters counters_;
  std::vector<journal::PruneUpTo> covered_;  ///< by battle: what snapshots hold
};

}  // namespace drumline::server
