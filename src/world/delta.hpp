// What changed between two states of the same shape: of each column only the
// rows that differ. Format: docs/formats/snapshot.md, "Delta".
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "world/snapshot.hpp"
#include "world/world.hpp"

namespace drumline::world {

/// Replaces `out` by the difference from `base` (a read snapshot, or view_of a
/// world) to `world`. Their shapes must be equal: anything else is ErrorCode::mismatch.
Result<void> encode_delta(const StateView& base, const World& world, std::vector<std::byte>& out);

/// Moves a world that holds exactly the base state to the later state, and checks
/// the state hash. Bytes may be hostile. ErrorCode::mismatch when the world holds
/// another state than the base; then, and for a wrong form, it is untouched. When
/// the result does not hold up the world is left empty.
Result<void> apply_delta(Bytes bytes, std::string_view game, World& world);

}  // namespace drumline::world
