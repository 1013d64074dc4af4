// A recording's bytes: docs/formats/recording.md. A header, blocks that each carry
// their own checksum and number, and at the end an index with a trailer that leads to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::recording {

inline constexpr std::string_view kRecordingMagic = "DRUMREC1";
inline constexpr std::string_view kRecordingSuffix = ".drec";
inline constexpr u32 kRecordingVersion = 1;
/// docs/determinism.md, "State hash".
inline constexpr u32 kStateHashVersion = 1;
inline constexpr std::size_t kHeaderBytes = 88;
inline constexpr std::size_t kBlockHeaderBytes = 24;
inline constexpr std::size_t kTrailerBytes = 32;
inline constexpr std::size_t kIdBytes = 16;
/// A larger block is refused unread.
inline constexpr u64 kMaxBlockBytes = u64{1} << 30;
/// Half a billion years: so that no tick of a file is near a u64's end.
inline constexpr Tick kMaxTick = Tick{1} << 60;
inline constexpr Tick kDefaultSnapshotEvery = 256;

struct RecordingHeader {
  BattleId battle{};
  Epoch epoch{};
  Tick first_tick = 0;  ///< of the first state
  u32 snapshot_every = 0;
  u32 hash_version = kStateHashVersion;
  std::string simulation;  ///< of the program that recorded
  std::string build;
};

enum class BlockKind : u32 { battle = 1, tick = 2, snapshot = 3, index = 4 };
inline constexpr u32 kLastBlockKind = 4;
std::string_view block_kind_name(BlockKind kind);

/// A block as read; `payload` is a view.
struct Block {
  BlockKind kind = BlockKind::battle;
  u32 number = 0;  ///< from 0, one more for each
  Tick tick = 0;
  u64 offset = 0;
  Bytes payload;
};

/// A stored state's place.
struct IndexEntry {
  Tick tick = 0;
  u64 offset = 0;  ///< of its block
};
struct Index {
  Tick last_tick = 0;
  u32 blocks = 0;  ///< before the index
  std::vector<IndexEntry> snapshots;
};

struct Trailer {
  u64 index_offset = 0;
  u64 file_bytes = 0;
};

void encode_header(const RecordingHeader& header, std::span<std::byte, kHeaderBytes> out);
/// malformed, corrupt or mismatch, with what does not hold.
Result<RecordingHeader> decode_header(Bytes bytes);

/// The header of a block with this payload.
void encode_block_header(BlockKind kind, u32 number, Tick tick, Bytes payload,
                         std::span<std::byte, kBlockHeaderBytes> out);
/// What a block's header says, before its checksum is looked at.
struct BlockFrame {
  u32 crc = 0;
  u64 payload_bytes = 0;
  BlockKind kind = BlockKind::battle;
  u32 number = 0;
  Tick tick = 0;
};
/// Nothing when the kind or length is out of range. `header` has kBlockHeaderBytes.
std::optional<BlockFrame> decode_block_header(Bytes header);
/// True when the checksum over header and payload holds.
bool block_holds(Bytes header, Bytes payload);

std::vector<std::byte> encode_index(const Index& index);
Result<Index> decode_index(Bytes payload);

void encode_trailer(const Trailer& trailer, std::span<std::byte, kTrailerBytes> out);
/// Nothing when it is none or does not hold.
std::optional<Trailer> decode_trailer(Bytes bytes);

}  // namespace drumline::recording
