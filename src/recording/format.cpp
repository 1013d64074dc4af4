#include "recording/format.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc.hpp"

namespace drumline::recording {
namespace {

constexpr std::string_view kTrailerMagic = "DRUMEND1";
constexpr std::size_t kIndexEntryBytes = 16;

void write_id(std::string_view id, ByteWriter& out) {
  std::array<std::byte, kIdBytes> bytes{};
  const std::string_view kept = id.substr(0, kIdBytes);
  std::copy_n(as_bytes(kept).begin(), kept.size(), bytes.begin());
  out.write_bytes(bytes);
}

std::string read_id(ByteReader& in) {
  const std::string_view text = as_text(in.read_bytes(kIdBytes));
  return std::string(text.substr(0, text.find('\0')));
}

bool zeros(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

std::string_view block_kind_name(BlockKind kind) {
  switch (kind) {
    case BlockKind::battle:
      return "battle";
    case BlockKind::tick:
      return "tick";
    case BlockKind::snapshot:
      return "snapshot";
    case BlockKind::index:
      return "index";
  }
  return "unknown";
}

void encode_header(const RecordingHeader& header, std::span<std::byte, kHeaderBytes> out) {
  ByteWriter writer(out);
  writer.write_bytes(as_bytes(kRecordingMagic));
  writer.write(kRecordingVersion);
  writer.write(header.hash_version);
  writer.write(header.battle.value);
  writer.write(header.epoch.value);
  writer.write(header.first_tick);
  writer.write(header.snapshot_every);
  writer.write(u32{0});
  write_id(header.simulation, writer);
  write_id(header.build, writer);
  writer.write(u32{0});
  writer.write(crc32c(writer.written()));
  DRUM_ASSERT(writer.ok() && writer.size() == kHeaderBytes);
}

Result<RecordingHeader> decode_header(Bytes bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Error{ErrorCode::malformed, "offset 0: it holds " + std::to_string(bytes.size()) +
                                           " bytes, fewer than a recording's header"};
  }
  ByteReader in(bytes.first(kHeaderBytes));
  if (as_text(in.read_bytes(kRecordingMagic.size())) != kRecordingMagic) {
    return Error{ErrorCode::malformed, "offset 0: it does not begin with DRUMREC1, so it is no recording"};
  }
  const u32 version = in.read<u32>();
  RecordingHeader header;
  header.hash_version = in.read<u32>();
  header.battle.value = in.read<u64>();
  header.epoch.value = in.read<u64>();
  header.first_tick = in.read<Tick>();
  header.snapshot_every = in.read<u32>();
  const u32 reserved = in.read<u32>();
  header.simulation = read_id(in);
  header.build = read_id(in);
  const u32 reserved_too = in.read<u32>();
  if (in.read<u32>() != crc32c(bytes.first(kHeaderBytes - sizeof(u32)))) {
    return Error{ErrorCode::corrupt, "offset 0: the header's checksum does not hold"};
  }
  if (version != kRecordingVersion) {
    return Error{ErrorCode::mismatch, "version " + std::to_string(version) + "; this build reads version " +
                                          std::to_string(kRecordingVersion)};
  }
  if (header.snapshot_every == 0 || header.first_tick > kMaxTick || reserved != 0 || reserved_too != 0) {
    return Error{ErrorCode::corrupt, "offset 0: the header's fields are out of range"};
  }
  return header;
}

void encode_block_header(BlockKind kind, u32 number, Tick tick, Bytes payload,
                         std::span<std::byte, kBlockHeaderBytes> out) {
  DRUM_ASSERT(payload.size() <= kMaxBlockBytes);
  ByteWriter writer(out);
  writer.write(u32{0});
  writer.write(static_cast<u32>(payload.size()));
  writer.write(static_cast<u32>(kind));
  writer.write(number);
  writer.write(tick);
  writer.patch(0, crc32c(payload, crc32c(Bytes(out).subspan(sizeof(u32)))));
}

std::optional<BlockFrame> decode_block_header(Bytes header) {
  ByteReader in(header.first(kBlockHeaderBytes));
  BlockFrame frame;
  frame.crc = in.read<u32>();
  frame.payload_bytes = in.read<u32>();
  const u32 kind = in.read<u32>();
  frame.number = in.read<u32>();
  frame.tick = in.read<Tick>();
  if (kind == 0 || kind > kLastBlockKind || frame.payload_bytes > kMaxBlockBytes) return std::nullopt;
  frame.kind = static_cast<BlockKind>(kind);
  return frame;
}

bool block_holds(Bytes header, Bytes payload) {
  ByteReader in(header);
  return in.read<u32>() == crc32c(payload, crc32c(header.subspan(sizeof(u32))));
}

std::vector<std::byte> encode_index(const Index& index) {
  std::vector<std::byte> out(16 + index.snapshots.size() * kIndexEntryBytes);
  ByteWriter writer(out);
  writer.write(index.last_tick);
  writer.write(index.blocks);
  writer.write(static_cast<u32>(index.snapshots.size()));
  for (const IndexEntry& entry : index.snapshots) {
    writer.write(entry.tick);
    writer.write(entry.offset);
  }
  DRUM_ASSERT(writer.ok() && writer.size() == out.size());
  return out;
}

Result<Index> decode_index(Bytes payload) {
  ByteReader in(payload);
  Index index;
  index.last_tick = in.read<Tick>();
  index.blocks = in.read<u32>();
  const u32 count = in.read<u32>();
  if (!in.ok() || in.remaining() != count * kIndexEntryBytes || count == 0) {
    return Error{ErrorCode::malformed, "the index does not parse"};
  }
  for (u32 i = 0; i < count; ++i) {
    const Tick tick = in.read<Tick>();
    const u64 offset = in.read<u64>();
    if (i != 0 && (tick <= index.snapshots.back().tick || offset <= index.snapshots.back().offset)) {
      return Error{ErrorCode::malformed, "the index does not ascend"};
    }
    index.snapshots.push_back({tick, offset});
  }
  if (index.last_tick < index.snapshots.back().tick) {
    return Error{ErrorCode::malformed, "the index ends before its last snapshot"};
  }
  return index;
}

void encode_trailer(const Trailer& trailer, std::span<std::byte, kTrailerBytes> out) {
  ByteWriter writer(out);
  writer.write(trailer.index_offset);
  writer.write(trailer.file_bytes);
  writer.write(u32{0});
  writer.write(crc32c(writer.written()));
  writer.write_bytes(as_bytes(kTrailerMagic));
  DRUM_ASSERT(writer.ok() && writer.size() == kTrailerBytes);
}

std::optional<Trailer> decode_trailer(Bytes bytes) {
  if (bytes.size() != kTrailerBytes) return std::nullopt;
  ByteReader in(bytes);
  Trailer trailer;
  trailer.index_offset = in.read<u64>();
  trailer.file_bytes = in.read<u64>();
  const Bytes reserved = in.read_bytes(sizeof(u32));
  if (in.read<u32>() != crc32c(bytes.first(20)) || !zeros(reserved) ||
      as_text(in.read_bytes(kTrailerMagic.size())) != kTrailerMagic) {
    return std::nullopt;
  }
  return trailer;
}

}  // namespace drumline::recording
