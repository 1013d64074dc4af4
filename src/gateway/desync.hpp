// A client in lockstep whose state is another than the battle's: what is kept of it,
// for `drumline desync explain`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/types.hpp"

namespace drumline::gateway {

/// A client's own state on its way here, piece by piece.
struct StateUpload {
  /// Largest state that is taken from a client, bytes.
  static constexpr std::size_t kMaxBytes = 4 << 20;

  Tick tick = 0;
  u64 hash = 0;
  u64 expected = 0;
  Tick good_tick = 0;
  u64 good_hash = 0;
  std::size_t total_bytes = 0;  ///< 0: the first piece has not come
  std::vector<std::byte> bytes;
};

struct DesyncReport {
  BattleId battle;
  PlayerSlot player;
  std::string peer;  ///< address
  Tick tick = 0;
  u64 hash = 0;        ///< the client's
  u64 expected = 0;    ///< the battle's
  Tick good_tick = 0;  ///< the last one at which both had the same state hash; 0: unknown
  u64 good_hash = 0;
  std::vector<std::byte> state;  ///< the client's snapshot after the tick; empty: it sent none
};

/// Called on a gateway's thread; must not block.
using DesyncSink = std::function<void(DesyncReport)>;

}  // namespace drumline::gateway
