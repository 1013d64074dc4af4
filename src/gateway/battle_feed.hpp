// One battle on one gateway shard: what its frames have told so far, who of the shard's
// sessions is in it, and the way to it.
#pragma once

#include <memory>

#include "battle/directory.hpp"
#include "battle/inbound.hpp"
#include "broadcast/cell_cache.hpp"
#include "gateway/members.hpp"
#include "gateway/roster.hpp"
#include "gateway/tick_log.hpp"

namespace drumline::gateway {

/// One thread.
class BattleFeed {
 public:
  /// `inbound`: the ring from this gateway shard to the battle's shard; outlives the feed.
  BattleFeed(std::shared_ptr<battle::BattleEntry> entry, battle::InboundRing& inbound)
      : entry_(std::move(entry)), inbound_(inbound) {}

  const battle::BattleDescriptor& descriptor() const { return *entry_->descriptor; }
  battle::BattleEntry& entry() { return *entry_; }
  BattleId id() const { return descriptor().id; }

  /// The same battle, brought back elsewhere: what was claimed of the old entry is void.
  void renew(std::shared_ptr<battle::BattleEntry> entry) { entry_ = std::move(entry); }

  battle::InboundRing& inbound() { return inbound_; }
  /// Puts `inbound` into the ring, with this battle's id; false when the ring is full.
  bool forward(const battle::Inbound& inbound);

  broadcast::CellCache cache;
  Roster roster;
  wire::Scoreboard scoreboard;  ///< as last told
  Members members;
  TickLog ticks;
  u32 pace_percent = world::kNormalPacePercent;  ///< as last told
  bool ended = false;                            ///< its last frame has come
  u32 unused_rounds = 0;                         ///< timer rounds without a session in it

 private:
  std::shared_ptr<battle::BattleEntry> entry_;
  battle::InboundRing& inbound_;
};

}  // namespace drumline::gateway
