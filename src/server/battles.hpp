// The battles of a node, wherever they run: in this process (battle_host.hpp) or each shard
// in one of its own (isolated_battles.hpp). Gateways and the admin endpoint know no more.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/broadcast_ring.hpp"
#include "battle/inbound.hpp"
#include "journal/writer.hpp"
#include "recovery/recovery.hpp"
#include "server/battle_control.hpp"
#include "server/battle_shard.hpp"

namespace drumline::server {

/// The frames of one battle shard.
struct FrameSource {
  BroadcastRing::Consumer* frames = nullptr;
  /// Up to which of the shard's journal writes effects may be shown.
  std::function<u64()> durable;
};

/// What was found in the data folder.
struct BattlesReport {
  bool created_battle = false;  ///< the folder held none that goes on
  std::vector<recovery::BattleReport> recovered;
  std::vector<std::string> warnings;  ///< torn tails that were cut, damaged snapshots passed over
  double recovery_ms = 0;
};

/// Counters live as long as the battles.
struct ShardFigures {
  u32 shard = 0;
  const ShardCounters* ticks = nullptr;
  const PipelineCounters* battles = nullptr;
};
struct JournalFigures {
  std::optional<u32> group;  ///< whose it is; none: the node has one
  const Histogram* commit_ns = nullptr;
  u64 bytes = 0, space_bytes = 0, fenced_segments = 0;
  u64 snapshots_written = 0, snapshots_skipped = 0, snapshots_failed = 0;
  journal::WriterState state = journal::WriterState::open;
  std::string reason;  ///< why it is not open
};
/// A process with a battle shard of its own.
struct GroupFigures {
  u32 group = 0;
  i64 process = 0;  ///< its id; 0: none runs
  bool up = false;
  bool given_up = false;
  u64 restarts = 0;
  u64 behind = 0;  ///< battles that came back behind a tick that was shown: always 0
};

/// Any thread may ask for figures; the rest is for the thread that starts and stops.
class Battles {
 public:
  virtual ~Battles() = default;

  virtual const BattlesReport& report() const = 0;
  virtual BattleControl& control() = 0;
  /// One ring to each battle shard; gateway shard `gateway` is their only producer.
  virtual std::span<battle::InboundRing* const> inbound_of(u32 gateway) = 0;
  virtual std::vector<FrameSource> frames_of(u32 gateway) = 0;

  /// Takes the data folder over: from here on it is written.
  virtual Result<void> begin() = 0;
  /// Ticks from here on.
  virtual Result<void> start() = 0;
  /// Ends at a tick, makes everything durable.
  virtual void stop() = 0;

  /// Set when they cannot go on: why.
  virtual std::optional<Error> failure() const = 0;
  virtual std::vector<ShardFigures> shards() const = 0;
  virtual std::vector<JournalFigures> journals() const = 0;
  virtual std::vector<GroupFigures> groups() const = 0;
  /// Battles started again after their rules failed, and given up.
  virtual u64 restarted() const = 0;
  virtual u64 given_up() const = 0;
};

}  // namespace drumline::server
