// The battle frame: all that gateways need of one tick of one battle, in one
// piece of bytes (docs/formats/battle-frame.md). Written by CellEncoder on the
// battle's thread, read by CellCache on each gateway shard.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "world/visibility.hpp"

namespace drumline::broadcast {

inline constexpr u32 kBattleFrameMagic = 0x3146'4244;  // "DBF1"
inline constexpr u16 kNoStream = 0xFFFF;
inline constexpr u32 kMaxStreams = 0xFFFF;  ///< stream numbers are below it
inline constexpr u32 kMaxKeyBytes = 1024;   ///< a key frame's body
inline constexpr u32 kMaxSeats = 1U << 16;

/// The frame's head, as it lies in memory. Sections follow in the order of the
/// counts, each starting on a multiple of 8 bytes.
struct BattleFrameHeader {
  u32 magic = kBattleFrameMagic;
  u32 size = 0;  ///< of the whole frame, bytes
  u64 battle = 0;
  u64 tick = 0;
  u64 state_hash = 0;
  u32 instance = 0;  ///< of the encoder; another one numbers its streams anew
  u32 layout = 0;    ///< changes when a stream opens, closes or changes its cell
  u16 flags = 0;     ///< kAllEntities, kNoState, kEnded with a cause, kRelevant
  u16 columns = 0;   ///< the grid
  u16 rows = 0;
  u16 stream_limit = 0;  ///< stream numbers are below it
  u32 key_bytes_limit = 0;
  u32 players = 0;  ///< seated
  u32 place_count = 0;
  u32 entity_count = 0;
  u32 stream_count = 0;
  u32 key_count = 0;
  u32 message_count = 0;
  u32 chunk_bytes = 0;
  u32 key_bytes = 0;
  u32 message_bytes = 0;
  u32 previous_tick = 0;  ///< of the instance's frame before this one, low 32 bits; 0: this is its first
  u32 tick_bytes = 0;     ///< of the tick's payload, for lockstep

  static constexpr u16 kAllEntities = 1;  ///< the entity section names every seat's entity
  static constexpr u16 kNoState = 2;  ///< sections but messages and payload are empty: the state is as it was
  static constexpr u16 kEnded = 4;    ///< the battle's last frame …
  static constexpr u32 kEndCauseShift = 3;  ///< … and in the two bits from here on why (wire::EndCause)
  static constexpr u16 kEndCauseMask = 3;
  static constexpr u16 kRelevant = 32;  ///< a section after the places says what matters most to each player
};
static_assert(sizeof(BattleFrameHeader) == 96);

/// A player's place, by player slot. An empty seat is all zeros but the stream.
struct PlayerPlace {
  u32 sequence = 0;        ///< last applied command
  u16 stream = kNoStream;  ///< where his entity is; kNoStream: he has none now
  u16 x = 0;               ///< share of the grid's width, 1/65536
  u16 y = 0;
  u8 team = 0;  ///< below world::kMaxTeams
  u8 calm = 0;  ///< nobody is near him: 0 .. Nearness::kMostCalm
};
static_assert(sizeof(PlayerPlace) == 12);

/// Where the entities are that matter most to a player, by player slot.
struct RelevantStreams {
  std::array<u16, world::kMaxRelevant> streams;  ///< kNoStream: none (further)
  friend bool operator==(const RelevantStreams&, const RelevantStreams&) = default;
};
static_assert(sizeof(RelevantStreams) == 8);

/// Whose entity is which; only changes, unless kAllEntities says otherwise.
struct PlayerEntity {
  u32 player = 0;
  u32 reserved = 0;
  u64 entity = 0;  ///< 0: none
};
static_assert(sizeof(PlayerEntity) == 16);

/// A live stream: where it is, and its chunks of this tick, ready to be copied
/// into datagrams. They lie at `offset` of the chunk bytes: first the one against
/// the current key frame, then the one against the previous.
struct StreamRecord {
  u16 cell = 0;
  world::TeamSet hidden_from = 0;  ///< their players must not be sent anything of it
  u32 key_tick = 0;                ///< of the current key frame, low 32 bits
  u32 offset = 0;
  u16 stream = 0;
  u16 chunk_size = 0;     ///< 0: the key frame is of this very tick
  u16 previous_size = 0;  ///< 0: there is no previous key frame
  u8 key = 0;
  u8 previous_key = 0;
};
static_assert(sizeof(StreamRecord) == 20);

struct KeyRecord {
  u32 tick = 0;  ///< low 32 bits
  u32 offset = 0;
  u16 stream = 0;
  u16 size = 0;
  u8 key = 0;
  u8 reserved[3] = {};
};
static_assert(sizeof(KeyRecord) == 16);

/// A checked frame: views into its bytes. Records and sections are in bounds,
/// stream numbers below the limit, cells in the grid.
struct BattleFrameView {
  BattleFrameHeader header;
  std::span<const PlayerPlace> places;
  std::span<const RelevantStreams> relevant;  ///< as many as places, or none
  std::span<const PlayerEntity> entities;
  std::span<const StreamRecord> streams;  ///< sorted by cell
  std::span<const KeyRecord> keys;
  Bytes chunk_bytes;
  Bytes key_bytes;
  Bytes message_bytes;
  Bytes tick_payload;  ///< a journal's tick payload: hash and inputs; empty: not relayed

  /// Calls visit(SessionId, Bytes) for each directed message, in order. SessionId
  /// 0 is everybody in the battle.
  template <class Visit>
  void for_each_message(Visit visit) const {
    ByteReader in(message_bytes);
    for (u32 i = 0; i < header.message_count; ++i) {
      const auto session = in.read<u64>();
      const auto size = in.read<u32>();
      const Bytes body = in.read_bytes(size);
      if (!in.ok()) return;
      visit(SessionId{session}, body);
    }
  }
};

/// Sections start on multiples of 8 bytes.
inline void pad_section(ByteWriter& out) {
  while (out.size() % 8 != 0) out.write(u8{0});
}

/// Checks a frame. `frame` must lie on a multiple of 8 bytes.
Result<BattleFrameView> parse_battle_frame(Bytes frame);

/// Directed messages that wait for the next frame. Bounded; one thread.
class MessageQueue {
 public:
  static constexpr u32 kHeadBytes = 12;

  explicit MessageQueue(std::size_t capacity_bytes = 256U << 10) : memory_(capacity_bytes) {}

  /// Queues opaque bytes for one session (0: for everybody in the battle). False
  /// when there is no room: the caller may try again after the next frame.
  bool add(SessionId to, Bytes message);
  /// Moves as many as fit, oldest first, to `out`; returns the bytes and counts them.
  std::size_t take(MutableBytes out, u32& count);
  bool empty() const { return size_ == 0; }
  std::size_t size_bytes() const { return size_; }

 private:
  std::vector<std::byte> memory_;
  std::size_t size_ = 0;
};

}  // namespace drumline::broadcast
