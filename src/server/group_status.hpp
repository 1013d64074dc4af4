// Figures of a battle group on their way to the node: what grew since the last time, so
// that the node's own counters go on counting when the group's process starts anew.
#pragma once

#include <vector>

#include "battle/directory.hpp"
#include "link/messages.hpp"
#include "server/battles.hpp"

namespace drumline::server {

/// A group's figures as the node has them. One thread writes, any reads.
struct GroupMirror {
  ShardCounters ticks;
  PipelineCounters battles;
  Histogram commit_ns;
  Counter journal_bytes, fenced_segments;
  Counter snapshots_written, snapshots_skipped, snapshots_failed;
  Counter restarted, given_up;  ///< battles whose rules failed, within the process
  Gauge journal_space_bytes;
};

/// In the group's process; one thread.
class StatusWriter {
 public:
  link::Status next(const Battles& battles, const battle::BattleDirectory& directory);

 private:
  std::vector<u64> counters_;
  std::vector<Histogram> histograms_;
};

/// In the node. Values that make no sense are wrong figures and nothing worse.
void apply_status(const link::Status& status, GroupMirror& mirror);
void apply_counters(const std::vector<u64>& values, battle::ActorCounters& counters);

}  // namespace drumline::server
