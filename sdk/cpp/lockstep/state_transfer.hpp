// States in parts on the reliable channel: a battle's on its way here, and the client's
// own on its way to the server after a mismatch.
// Format: docs/formats/messages.md, SnapshotPart and StatePart.
#pragma once

#include <optional>
#include <vector>

#include "base/result.hpp"
#include "wire/messages.hpp"

namespace drumline::lockstep {

/// What a client needs to run a battle from `tick` on.
struct StateTransfer {
  Tick tick = 0;
  u64 state_hash = 0;
  std::size_t info_bytes = 0;    ///< of a battle_created payload; the rest is a snapshot
  std::vector<std::byte> bytes;  ///< at most wire::kMaxStateBytes

  Bytes info() const { return Bytes(bytes).first(info_bytes); }
  Bytes snapshot() const { return Bytes(bytes).subspan(info_bytes); }
};

/// Joins parts as they come. One thread.
class StateAssembler {
 public:
  /// The whole when this was its last part. A part with offset 0 begins anew; one that
  /// does not follow the last is malformed, and what was there is forgotten.
  Result<std::optional<StateTransfer>> add(const wire::SnapshotPart& part);

 private:
  StateTransfer state_;
  u32 total_bytes_ = 0;
};

/// Appends the parts of the client's own state after `tick`. Not larger than
/// wire::kMaxStateBytes (asserted).
void split_state(Tick tick, Bytes snapshot, std::vector<wire::ClientMessage>& out);

}  // namespace drumline::lockstep
