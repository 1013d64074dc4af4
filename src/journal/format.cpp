#include "journal/format.hpp"

#include <algorithm>
#include <cstring>

#include <xxhash.h>

#include "base/bytes.hpp"
#include "base/crc.hpp"

namespace drumline::journal {
namespace {

constexpr std::string_view kMagic = "DRUMSEG1";
constexpr u32 kVersion = 1;
constexpr u32 kLengthMask = 0x00FF'FFFF;

template <class T>
void put(MutableBytes bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
template <class T>
T get(Bytes bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::optional<Record> refuse(std::string* why, std::string_view reason) {
  if (why != nullptr) *why = reason;
  return std::nullopt;
}

}  // namespace

std::string_view record_kind_name(RecordKind kind) {
  switch (kind) {
    case RecordKind::battle_created:
      return "battle_created";
    case RecordKind::tick:
      return "tick";
    case RecordKind::snapshot_taken:
      return "snapshot_taken";
    case RecordKind::battle_disposed:
      return "battle_disposed";
    case RecordKind::note:
      return "note";
    case RecordKind::snapshot:
      return "snapshot";
    case RecordKind::battle_failed:
      return "battle_failed";
  }
  return "unknown";
}

void encode_segment_header(const SegmentHeader& header, std::span<std::byte, kSegmentHeaderBytes> out) {
  ByteWriter writer(out);
  writer.write_bytes(as_bytes(kMagic));
  writer.write(kVersion);
  writer.write(header.number);
  writer.write(header.journal_id);
  writer.write(header.segment_bytes);
  writer.write(header.created_wall_ns);
  writer.write(header.previous_hash);
  writer.write(header.previous_end);
  writer.write(u32{0});
  writer.write(crc32c(writer.written()));
  DRUM_ASSERT(writer.ok() && writer.size() == kSegmentHeaderBytes);
}

Result<SegmentHeader> decode_segment_header(Bytes bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return Error{ErrorCode::malformed, "shorter than a segment header"};
  ByteReader reader(bytes.first(kSegmentHeaderBytes));
  if (as_text(reader.read_bytes(kMagic.size())) != kMagic) {
    return Error{ErrorCode::malformed, "does not begin with DRUMSEG1"};
  }
  if (get<u32>(bytes, 60) != crc32c(bytes.first(60))) {
    return Error{ErrorCode::corrupt, "the segment header's checksum does not hold"};
  }
  const u32 version = reader.read<u32>();
  if (version != kVersion) {
    return Error{ErrorCode::mismatch, "segment version " + std::to_string(version) + ", this build reads 1"};
  }
  SegmentHeader header;
  header.number = reader.read<u32>();
  header.journal_id = reader.read<u64>();
  header.segment_bytes = reader.read<u64>();
  header.created_wall_ns = reader.read<TimeNs>();
  header.previous_hash = reader.read<u64>();
  header.previous_end = reader.read<u64>();
  if (header.number == 0 || header.segment_bytes < kSegmentHeaderBytes ||
      header.segment_bytes > kMaxSegmentBytes || reader.read<u32>() != 0) {
    return Error{ErrorCode::corrupt, "the segment header's fields are out of range"};
  }
  return header;
}

void begin_record(const RecordInfo& info, std::size_t payload_bytes,
                  std::span<std::byte, kRecordHeaderBytes> out) {
  DRUM_ASSERT(payload_bytes <= kMaxPayloadBytes);
  put(out, 0, u32{0});
  put(out, 4, static_cast<u32>(payload_bytes) | (u32{static_cast<u8>(info.kind)} << 24));
  put(out, 8, u32{0});
  put(out, 12, u32{0});
  put(out, 16, info.battle.value);
  put(out, 24, info.epoch.value);
  put(out, 32, info.tick);
  put(out, 40, u64{0});
}

u64 seal_record(MutableBytes record, u32 segment, u32 write_offset, u64 previous_hash) {
  put(record, 8, segment);
  put(record, 12, write_offset);
  put(record, 40, previous_hash);
  put(record, 0, crc32c(record.subspan(4)));
  return XXH3_64bits(record.data(), record.size());
}

std::size_t framed_record_bytes(Bytes bytes) {
  if (bytes.size() < 8) return 0;
  const u32 word = get<u32>(bytes, 4);
  const u32 length = word & kLengthMask;
  const u32 kind = word >> 24;
  if (kind == 0 || kind > kLastRecordKind || length > kMaxPayloadBytes) return 0;
  return record_bytes(length);
}

RecordInfo record_info(Bytes record) {
  DRUM_ASSERT(record.size() >= kRecordHeaderBytes);
  return {static_cast<RecordKind>(get<u32>(record, 4) >> 24), BattleId{get<u64>(record, 16)},
          Epoch{get<u64>(record, 24)}, get<u64>(record, 32)};
}

std::optional<Record> parse_record(Bytes bytes, u32 segment, u64 offset, std::string* why) {
  if (bytes.size() < kRecordHeaderBytes) return refuse(why, "a record header does not fit before the end");
  const std::size_t size = framed_record_bytes(bytes);
  if (size == 0) return refuse(why, "kind or length is out of range");
  if (size > bytes.size()) return refuse(why, "the length reaches past the end");
  if (get<u32>(bytes, 8) != segment) return refuse(why, "it names another segment");
  if (get<u32>(bytes, 0) != crc32c(bytes.subspan(4, size - 4)))
    return refuse(why, "its checksum does not hold");
  const u32 word = get<u32>(bytes, 4);
  const std::size_t length = word & kLengthMask;
  const Bytes padding = bytes.subspan(kRecordHeaderBytes + length, size - kRecordHeaderBytes - length);
  if (!std::all_of(padding.begin(), padding.end(), [](std::byte b) { return b == std::byte{0}; })) {
    return refuse(why, "its padding is not zero");
  }
  Record record;
  record.write_offset = get<u32>(bytes, 12);
  if (record.write_offset > offset) return refuse(why, "its write begins after it");
  record.info = record_info(bytes);
  record.previous_hash = get<u64>(bytes, 40);
  record.payload = bytes.subspan(kRecordHeaderBytes, length);
  record.hash = XXH3_64bits(bytes.data(), size);
  record.segment = segment;
  record.offset = offset;
  return record;
}

std::string segment_name(u32 number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 8) digits.insert(0, 8 - digits.size(), '0');
  return digits + ".seg";
}

std::optional<u32> parse_segment_name(std::string_view name) {
  if (name.size() < 12 || name.size() > 14 || !name.ends_with(".seg")) return std::nullopt;
  u64 number = 0;
  for (const char c : name.substr(0, name.size() - 4)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<u64>(c - '0');
  }
  if (number == 0 || number > 0xFFFF'FFFFU || segment_name(static_cast<u32>(number)) != name)
    return std::nullopt;
  return static_cast<u32>(number);
}

std::string segment_path(const std::string& folder, u32 number) {
  return folder + "/" + segment_name(number);
}

}  // namespace drumline::journal
