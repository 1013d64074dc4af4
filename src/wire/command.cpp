#include "wire/command.hpp"

#include <cstring>

#include "wire/frame.hpp"
#include "wire/generated/combat_command_generated.h"

namespace drumline::wire {
namespace {

const flatbuffers::Verifier::Options kVerifierLimits = [] {
  flatbuffers::Verifier::Options options;
  options.max_depth = 16;
  options.max_tables = 256;
  return options;
}();

// What encode_command writes is always the same FlatBuffer but for its numbers,
// so it is laid out once. Offsets within the payload; 64-bit fields on 8 bytes.
namespace layout {
constexpr u16 kVtable = 4;
constexpr u16 kTable = 28;
constexpr u16 kCmdId = 32;
constexpr u16 kX = 36;
constexpr u16 kEntity = 40;
constexpr u16 kTarget = 48;
constexpr u16 kTimestamp = 56;
constexpr u16 kY = 64;
constexpr u16 kAcksOffset = 68;
constexpr u16 kAction = 72;
constexpr u16 kSkill = 73;
constexpr u16 kEnd = 76;  // of the table; then the acks: count, values

constexpr u16 kFields = 9;
constexpr u16 kVtableBytes = 4 + 2 * kFields;
static_assert(kVtable + kVtableBytes <= kTable);
// In the schema's order.
constexpr std::array<u16, 2 + kFields> kVtableWords = {
    kVtableBytes,     kEnd - kTable,    kCmdId - kTable,     kEntity - kTable,
    kTarget - kTable, kAction - kTable, kTimestamp - kTable, kSkill - kTable,
    kX - kTable,      kY - kTable,      kAcksOffset - kTable};

constexpr std::array<u8, kEnd> make_template() {
  std::array<u8, kEnd> bytes{};
  bytes[0] = kTable;  // root offset
  for (std::size_t i = 0; i < kVtableWords.size(); ++i) {
    bytes[kVtable + 2 * i] = static_cast<u8>(kVtableWords[i]);
    bytes[kVtable + 2 * i + 1] = static_cast<u8>(kVtableWords[i] >> 8);
  }
  bytes[kTable] = kTable - kVtable;  // back to the vtable
  bytes[kAcksOffset] = kEnd - kAcksOffset;
  return bytes;
}
constexpr std::array<u8, kEnd> kTemplate = make_template();
}  // namespace layout

static_assert(kMaxCommandFrameBytes == kFrameHeaderBytes + layout::kEnd + 4 + 4 * kMaxKeyAcks);

/// Verified reading from 8-byte aligned memory.
DecodeStatus decode_aligned(const std::byte* bytes, std::size_t size, world::Command& out, KeyAcks& acks) {
  const auto* const data = reinterpret_cast<const u8*>(bytes);
  flatbuffers::Verifier verifier(data, size, kVerifierLimits);
  if (!verifier.VerifyBuffer<fb::CombatCommand>(nullptr)) return DecodeStatus::malformed;
  const fb::CombatCommand* const in = flatbuffers::GetRoot<fb::CombatCommand>(data);
  out.sequence = in->cmd_id();
  const i8 action = in->action();
  out.action = static_cast<world::Action>(action);
  out.skill = in->skill();
  out.reserved = 0;
  out.entity.value = in->entity_id();
  out.target.value = in->target_id();
  out.x = in->x();
  out.y = in->y();
  out.timestamp_ms = in->timestamp_ms();
  acks.count = 0;
  if (const auto* const list = in->key_acks(); list != nullptr && list->size() != 0) {
    if (list->size() > kMaxKeyAcks) return DecodeStatus::too_many_acks;
    acks.count = list->size();
    std::memcpy(acks.values.data(), list->Data(), std::size_t{acks.count} * sizeof(u32));
  }
  const bool known = action >= 0 && action <= static_cast<i8>(world::Action::none);
  return known ? DecodeStatus::ok : DecodeStatus::unknown_action;
}

}  // namespace

const char* decode_status_name(DecodeStatus status) {
  switch (status) {
    case DecodeStatus::ok:
      return "ok";
    case DecodeStatus::too_large:
      return "too_large";
    case DecodeStatus::malformed:
      return "malformed";
    case DecodeStatus::too_many_acks:
      return "too_many_acks";
    case DecodeStatus::unknown_action:
      return "unknown_action";
  }
  return "unknown";
}

DecodeStatus decode_command(Bytes payload, world::Command& out, KeyAcks& acks) {
  if (payload.size() > kMaxCommandPayloadBytes) return DecodeStatus::too_large;
  if ((reinterpret_cast<std::uintptr_t>(payload.data()) & 7U) == 0) {
    return decode_aligned(payload.data(), payload.size(), out, acks);
  }
  // FlatBuffers reads its numbers where they lie, and a frame lies anywhere.
  alignas(8) std::byte aligned[kMaxCommandPayloadBytes];
  std::memcpy(aligned, payload.data(), payload.size());
  return decode_aligned(aligned, payload.size(), out, acks);
}

std::size_t encode_command(const world::Command& command, std::span<const u32> acks, MutableBytes out) {
  if (acks.size() > kMaxKeyAcks) return 0;
  const std::size_t acks_bytes = acks.empty() ? 0 : sizeof(u32) + acks.size_bytes();
  const std::size_t size = kFrameHeaderBytes + layout::kEnd + acks_bytes;
  if (size > out.size()) return 0;

  std::byte* const payload = out.data() + kFrameHeaderBytes;
  const auto put = [payload](u16 at, auto value) { std::memcpy(payload + at, &value, sizeof value); };
  std::memcpy(payload, layout::kTemplate.data(), layout::kTemplate.size());
  put(layout::kCmdId, command.sequence);
  put(layout::kX, command.x);
  put(layout::kEntity, command.entity.value);
  put(layout::kTarget, command.target.value);
  put(layout::kTimestamp, command.timestamp_ms);
  put(layout::kY, command.y);
  put(layout::kAction, command.action);
  put(layout::kSkill, command.skill);
  if (acks.empty()) {
    // An absent field: its place in the vtable says 0.
    put(layout::kVtable + layout::kVtableBytes - 2, u16{0});
  } else {
    put(layout::kEnd, static_cast<u32>(acks.size()));
    std::memcpy(payload + layout::kEnd + sizeof(u32), acks.data(), acks.size_bytes());
  }
  seal_frame(out.first(size));
  return size;
}

}  // namespace drumline::wire
