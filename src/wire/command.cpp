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

// What encode_command writes is one of two FlatBuffers, the same each time but for
// their numbers, so they are laid out once: the short one has no field after
// key_acks, the long one has all. Offsets within the payload; 64-bit fields on 8 bytes.
template <bool kLong>
struct Layout {
  static constexpr u16 kVtable = 4;
  static constexpr u16 kFields = kLong ? 14 : 9;
  static constexpr u16 kAcksField = 8;
  static constexpr u16 kVtableBytes = 4 + 2 * kFields;
  static constexpr u16 kTable = kLong ? 36 : 28;
  static constexpr u16 kCmdId = kLong ? 72 : 32;
  static constexpr u16 kX = kLong ? 76 : 36;
  static constexpr u16 kEntity = 40;
  static constexpr u16 kTarget = 48;
  static constexpr u16 kTimestamp = 56;
  static constexpr u16 kSyncHash = 64;  // long only
  static constexpr u16 kY = kLong ? 80 : 64;
  static constexpr u16 kApplyTick = 84;  // long only
  static constexpr u16 kViewTick = 88;   // long only
  static constexpr u16 kSyncTick = 92;   // long only
  static constexpr u16 kAcksOffset = kLong ? 96 : 68;
  static constexpr u16 kAction = kAcksOffset + 4;
  static constexpr u16 kSkill = kAction + 1;
  static constexpr u16 kVisit = kAction + 2;  // long only
  static constexpr u16 kEnd = kAction + 4;    // of the table; then the acks: count, values
  static_assert(kVtable + kVtableBytes <= kTable);

  static constexpr std::array<u8, kEnd> make_template() {
    // In the schema's order.
    constexpr std::array<u16, 2 + 14> words = {
        kVtableBytes,       kEnd - kTable,      kCmdId - kTable,      kEntity - kTable,
        kTarget - kTable,   kAction - kTable,   kTimestamp - kTable,  kSkill - kTable,
        kX - kTable,        kY - kTable,        kAcksOffset - kTable, kApplyTick - kTable,
        kViewTick - kTable, kSyncTick - kTable, kSyncHash - kTable,   kVisit - kTable};
    std::array<u8, kEnd> bytes{};
    bytes[0] = kTable;  // root offset
    for (std::size_t i = 0; i < 2 + kFields; ++i) {
      bytes[kVtable + 2 * i] = static_cast<u8>(words[i]);
      bytes[kVtable + 2 * i + 1] = static_cast<u8>(words[i] >> 8);
    }
    bytes[kTable] = kTable - kVtable;  // back to the vtable
    bytes[kAcksOffset] = kEnd - kAcksOffset;
    return bytes;
  }
  static constexpr std::array<u8, kEnd> kTemplate = make_template();
};

static_assert(kMaxCommandFrameBytes == kFrameHeaderBytes + Layout<true>::kEnd + 4 + 4 * kMaxKeyAcks);

template <bool kLong>
std::size_t encode(const world::Command& command, std::span<const u32> acks, const SyncAck& sync, u8 visit,
                   MutableBytes out) {
  using L = Layout<kLong>;
  const std::size_t acks_bytes = acks.empty() ? 0 : sizeof(u32) + acks.size_bytes();
  const std::size_t size = kFrameHeaderBytes + L::kEnd + acks_bytes;
  if (size > out.size()) return 0;

  std::byte* const payload = out.data() + kFrameHeaderBytes;
  const auto put = [payload](u16 at, auto value) { std::memcpy(payload + at, &value, sizeof value); };
  std::memcpy(payload, L::kTemplate.data(), L::kTemplate.size());
  put(L::kCmdId, command.sequence);
  put(L::kX, command.x);
  put(L::kEntity, command.entity.value);
  put(L::kTarget, command.target.value);
  put(L::kTimestamp, command.timestamp_ms);
  put(L::kY, command.y);
  put(L::kAction, command.action);
  put(L::kSkill, command.skill);
  if constexpr (kLong) {
    put(L::kApplyTick, command.apply_tick);
    put(L::kViewTick, command.view_tick);
    put(L::kSyncTick, sync.tick);
    put(L::kSyncHash, sync.hash);
    put(L::kVisit, visit);
  }
  if (acks.empty()) {
    // An absent field: its place in the vtable says 0.
    put(L::kVtable + 4 + 2 * L::kAcksField, u16{0});
  } else {
    put(L::kEnd, static_cast<u32>(acks.size()));
    std::memcpy(payload + L::kEnd + sizeof(u32), acks.data(), acks.size_bytes());
  }
  seal_frame(out.first(size));
  return size;
}

/// Verified reading from 8-byte aligned memory.
DecodeStatus decode_aligned(const std::byte* bytes, std::size_t size, world::Command& out,
                            CommandAcks& acks) {
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
  out.apply_tick = in->apply_tick();
  out.view_tick = in->view_tick();
  acks.sync_tick = in->sync_tick();
  acks.sync_hash = in->sync_hash();
  acks.visit = in->visit();
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

DecodeStatus decode_command(Bytes payload, world::Command& out, CommandAcks& acks) {
  if (payload.size() > kMaxCommandPayloadBytes) return DecodeStatus::too_large;
  if ((reinterpret_cast<std::uintptr_t>(payload.data()) & 7U) == 0) {
    return decode_aligned(payload.data(), payload.size(), out, acks);
  }
  // FlatBuffers reads its numbers where they lie, and a frame lies anywhere.
  alignas(8) std::byte aligned[kMaxCommandPayloadBytes];
  std::memcpy(aligned, payload.data(), payload.size());
  return decode_aligned(aligned, payload.size(), out, acks);
}

std::size_t encode_command(const world::Command& command, std::span<const u32> key_acks, MutableBytes out,
                           const SyncAck& sync, u8 visit) {
  if (key_acks.size() > kMaxKeyAcks) return 0;
  const bool needs_all =
      command.apply_tick != 0 || command.view_tick != 0 || sync.tick != 0 || sync.hash != 0 || visit != 0;
  return needs_all ? encode<true>(command, key_acks, sync, visit, out)
                   : encode<false>(command, key_acks, sync, visit, out);
}

}  // namespace drumline::wire
