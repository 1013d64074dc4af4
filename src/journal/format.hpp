// The journal's bytes: segments of records, specified in docs/formats/journal.md.
//
// Two things make a damaged journal readable without guessing. Every record
// carries the hash of the one before it, across segments, so that nothing can be
// missing or foreign unnoticed. And every record says where the write that
// carried it began: one write is durable before the next begins, so a valid
// record of a later write proves that damage before it is no torn tail.
#pragma once

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::journal {

enum class RecordKind : u8 {
  battle_created = 1,
  tick = 2,
  snapshot_taken = 3,
  battle_disposed = 4,
  note = 5,
  snapshot = 6,  ///< a small battle's whole state, in the journal itself
  battle_failed =
      7  ///< its rules failed in this tick, which was not; the last tick before is its last good one
};
inline constexpr u8 kLastRecordKind = 7;
/// The kind's name in snake_case.
std::string_view record_kind_name(RecordKind kind);

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 48;
/// Records start on multiples of this; the gap is zeros.
inline constexpr std::size_t kRecordAlignment = 8;
/// The unit in which a torn write is missing from a disk, at the least.
inline constexpr std::size_t kSectorBytes = 512;
inline constexpr u64 kMinSegmentBytes = 64 * 1024;
inline constexpr u64 kMaxSegmentBytes = u64{1} << 30;
/// Largest payload; a segment must hold it whole as well.
inline constexpr std::size_t kMaxPayloadBytes = 8 * 1024 * 1024;

struct SegmentHeader {
  u32 number = 0;         ///< from 1, no gaps
  u64 journal_id = 0;     ///< one for all segments of a journal; also the chain's first hash
  u64 segment_bytes = 0;  ///< the file's size
  TimeNs created_wall_ns = 0;
  u64 previous_hash = 0;  ///< of the last record of the segment before
  u64 previous_end = 0;   ///< where that one's records end: what stands after it is void
};

/// What a record is about, besides its payload.
struct RecordInfo {
  RecordKind kind = RecordKind::note;
  BattleId battle{};
  Epoch epoch{};
  Tick tick = 0;
};

/// A record as read. `payload` is a view into the reader's buffer.
struct Record {
  RecordInfo info;
  Bytes payload;
  u64 previous_hash = 0;
  u64 hash = 0;  ///< the next record's previous_hash
  u32 segment = 0;
  u64 offset = 0;        ///< of the record's first byte in its segment
  u32 write_offset = 0;  ///< where the write that carried it began
};

/// Bytes of a record in a segment, its padding included.
constexpr std::size_t record_bytes(std::size_t payload_bytes) {
  return (kRecordHeaderBytes + payload_bytes + kRecordAlignment - 1) & ~(kRecordAlignment - 1);
}

void encode_segment_header(const SegmentHeader& header, std::span<std::byte, kSegmentHeaderBytes> out);
/// malformed or corrupt, with what does not hold.
Result<SegmentHeader> decode_segment_header(Bytes bytes);

/// Writes everything of a record's header that does not depend on where it will stand.
void begin_record(const RecordInfo& info, std::size_t payload_bytes,
                  std::span<std::byte, kRecordHeaderBytes> out);
/// Completes a record, header and payload and padding, for its place; returns its hash.
u64 seal_record(MutableBytes record, u32 segment, u32 write_offset, u64 previous_hash);

/// Size of the record that begins here, by its length field; 0 when it cannot be one.
std::size_t framed_record_bytes(Bytes bytes);
/// What a record of our own making, whole in `bytes`, is about.
RecordInfo record_info(Bytes record);
/// The record at `bytes`' start, which stands at `offset` of segment `segment`, if its
/// checksum, segment and fields hold. Says nothing of the chain. `why`, when given,
/// gets the reason of a refusal.
std::optional<Record> parse_record(Bytes bytes, u32 segment, u64 offset, std::string* why = nullptr);

/// "00000012.seg"
std::string segment_name(u32 number);
/// The number, when the name is a segment's.
std::optional<u32> parse_segment_name(std::string_view name);
std::string segment_path(const std::string& folder, u32 number);

}  // namespace drumline::journal
