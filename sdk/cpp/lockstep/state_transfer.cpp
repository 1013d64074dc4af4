#include "lockstep/state_transfer.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace drumline::lockstep {

Result<std::optional<StateTransfer>> StateAssembler::add(const wire::SnapshotPart& part) {
  if (part.offset == 0) {
    state_ = {part.tick, part.state_hash, part.info_bytes, {}};
    total_bytes_ = part.total_bytes;
  }
  const bool follows = part.tick == state_.tick && part.total_bytes == total_bytes_ &&
                       part.info_bytes == state_.info_bytes && part.offset == state_.bytes.size();
  const bool fits = part.total_bytes <= wire::kMaxStateBytes && part.info_bytes <= part.total_bytes &&
                    part.bytes.size() <= part.total_bytes - std::min(part.offset, part.total_bytes) &&
                    !part.bytes.empty();
  if (!follows || !fits) {
    Error error{ErrorCode::malformed,
                "the part at " + std::to_string(part.offset) + " of the state after tick " +
                    std::to_string(part.tick) +
                    (follows ? " does not fit into it" : " does not follow the one before")};
    *this = {};
    return error;
  }
  state_.bytes.insert(state_.bytes.end(), part.bytes.begin(), part.bytes.end());
  if (state_.bytes.size() < total_bytes_) return std::optional<StateTransfer>();
  std::optional<StateTransfer> whole(std::move(state_));
  *this = {};
  return whole;
}

void split_state(Tick tick, Bytes snapshot, std::vector<wire::ClientMessage>& out) {
  DRUM_ASSERT(snapshot.size() <= wire::kMaxStateBytes);
  for (std::size_t offset = 0; offset < snapshot.size(); offset += wire::kMaxPartBytes) {
    const Bytes bytes = snapshot.subspan(offset, std::min(wire::kMaxPartBytes, snapshot.size() - offset));
    out.emplace_back(wire::StatePart{
        tick, static_cast<u32>(snapshot.size()), static_cast<u32>(offset), {bytes.begin(), bytes.end()}});
  }
}

}  // namespace drumline::lockstep
