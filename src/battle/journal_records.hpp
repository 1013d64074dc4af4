// What a battle's journal records say, behind the journal's own header.
// Format: docs/formats/journal.md, "Payloads".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "battle/battle.hpp"

namespace drumline::battle {

/// Kind battle_created.
struct CreatedRecord {
  BattleInfo info;
  u64 state_hash = 0;  ///< of tick 0
};
std::vector<std::byte> encode_created(const CreatedRecord& record);
/// `id` and `epoch` come from the journal's header.
Result<CreatedRecord> decode_created(Bytes payload, BattleId id, Epoch epoch);

/// Kind tick. `flags` are the overload ladder's and are 0 for now.
struct TickRecord {
  u64 state_hash = 0;
  u16 flags = 0;
  std::vector<Input> inputs;  ///< their messages are views into the payload
};
/// Room that a tick's payload needs at most.
constexpr std::size_t max_tick_bytes(std::size_t inputs) {
  return 16 + inputs * kMaxInputBytes + kMaxTellsPerTick * kMaxEncodedTellBytes;
}
void encode_tick(u64 state_hash, u16 flags, std::span<const Input> inputs, ByteWriter& out);
/// Replaces `out`, whose memory is reused.
Result<void> decode_tick(Bytes payload, TickRecord& out);

/// Nothing when a step with exactly the recorded inputs had the recorded outcome; else
/// a mismatch that names battle, tick and what differs.
std::optional<Error> compare_tick(const Battle& battle, const TickRecord& recorded,
                                  const TickOutcome& outcome);
/// "battle 3, tick 17"
std::string tick_name(BattleId battle, Tick tick);

/// Kind snapshot_taken.
struct SnapshotRecord {
  u64 state_hash = 0;
  u64 content_hash = 0;  ///< XXH3-64 of the snapshot's content
  std::string file;      ///< its name in the battle's snapshot folder
};
/// Room that it needs at most; a snapshot's name is its tick.
inline constexpr std::size_t kMaxSnapshotTakenBytes = 128;
void encode_snapshot_taken(const SnapshotRecord& record, ByteWriter& out);
Result<SnapshotRecord> decode_snapshot_taken(Bytes payload);

/// Kind snapshot: a small battle whole, at the record's tick. Views into what was read.
struct InlineSnapshot {
  Bytes info;     ///< as encode_created() makes it
  Bytes content;  ///< docs/formats/snapshot.md
};
constexpr std::size_t inline_snapshot_bytes(std::size_t info_bytes, std::size_t content_bytes) {
  return sizeof(u32) + info_bytes + content_bytes;
}
void encode_inline_snapshot(const InlineSnapshot& snapshot, ByteWriter& out);
Result<InlineSnapshot> decode_inline_snapshot(Bytes payload);

/// Kind battle_failed: why, and the inputs that the tick was given (accepted or not).
struct FailedRecord {
  std::string reason;
  TickRecord tick;
};
std::vector<std::byte> encode_failed(std::string_view reason, std::span<const Input> inputs);
Result<FailedRecord> decode_failed(Bytes payload);

/// Kinds battle_disposed (why) and note: a sentence of at most 64 KiB, UTF-8.
std::vector<std::byte> encode_text(std::string_view text);
Result<std::string> decode_text(Bytes payload);

}  // namespace drumline::battle
