#include "lockstep/lockstep_frame.hpp"

#include <string>

#include "base/bytes.hpp"
#include "wire/lockstep_frame.hpp"

namespace drumline::lockstep {
namespace {

Error malformed(const std::string& what) {
  return {ErrorCode::malformed, what};
}

}  // namespace

Result<void> decode_lockstep_frame(Bytes datagram, LockstepFrame& out) {
  ByteReader in(datagram);
  const u8 kind = in.read<u8>();
  in.read<u8>();  // flags, of which none is known
  const i8 margin = in.read<i8>();
  const u8 count = in.read<u8>();
  out.newest_tick = in.read<u32>();
  out.margin_ticks = margin == wire::kNoMargin ? std::nullopt : std::optional<int>(margin);
  out.entries.clear();
  if (!in.ok()) return malformed("a lockstep frame ends within its head");
  if (std::byte{kind} != wire::kLockstepFrameKind) {
    return malformed("a lockstep frame begins with " + std::to_string(kind));
  }
  for (u32 i = 0; i < count; ++i) {
    const u8 age = in.read<u8>();
    const Bytes payload = in.read_bytes(in.read_varint());
    if (!in.ok()) return malformed("entry " + std::to_string(i) + " of a lockstep frame goes past its end");
    out.entries.push_back({age, payload});
  }
  if (!in.at_end()) return malformed("a lockstep frame goes on after its last entry");
  return {};
}

Result<void> decode_ticks(const wire::Ticks& ticks, std::vector<Bytes>& payloads) {
  ByteReader in(ticks.bytes);
  payloads.clear();
  while (!in.at_end()) {
    const Bytes payload = in.read_bytes(in.read_varint());
    if (!in.ok()) {
      return malformed("tick " + std::to_string(ticks.first_tick + payloads.size()) +
                       " of a Ticks message goes past its end");
    }
    payloads.push_back(payload);
  }
  return {};
}

}  // namespace drumline::lockstep
