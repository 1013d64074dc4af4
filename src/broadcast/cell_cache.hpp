// What a gateway shard knows of one battle: its newest frame and every current
// key frame. Fed with battle frames, read by the ClientViews of that battle.
#pragma once

#include <memory>
#include <vector>

#include "broadcast/battle_frame.hpp"

namespace drumline::broadcast {

/// One per battle and gateway shard; one thread.
class CellCache {
 public:
  /// A stream in the newest frame.
  struct Stream {
    const std::byte* chunk = nullptr;  ///< against the current key frame, then against the previous
    u16 cell = 0;
    world::TeamSet hidden_from = 0;  ///< their players must not be sent anything of it
    u32 key_tick = 0;
    u32 frame = 0;          ///< counts absorbed frames; live when it is the newest
    u16 chunk_size = 0;     ///< 0: the key frame is of this very tick
    u16 previous_size = 0;  ///< 0: none
    u16 key_size = 0;       ///< of the body
    u8 key = 0;
    u8 previous_key = 0;
    bool has_key_body = false;  ///< the current key frame's body is here
  };

  /// Takes the next frame. Its bytes must stay until the next absorb() or
  /// release(): chunks and messages are views into them. A malformed frame is
  /// refused and changes nothing.
  Result<void> absorb(Bytes frame);
  /// Lets go of the newest frame's bytes; what was learnt stays.
  void release();

  /// True when key frames are missing (frames were lost, or this consumer is
  /// new): ask the encoder for request_full(). Clears itself when they came;
  /// asks at most every 16 frames.
  bool take_full_request();

  bool has_frame() const { return frame_held_; }
  /// The newest frame shows state; without it, ClientViews have nothing to assemble.
  bool has_state() const { return frame_held_ && (view_.header.flags & BattleFrameHeader::kNoState) == 0; }
  bool ended() const { return (view_.header.flags & BattleFrameHeader::kEnded) != 0; }
  /// Of the newest frame: the tick's hash and inputs, as a journal's tick payload; empty: not relayed.
  Bytes tick_payload() const { return frame_held_ ? view_.tick_payload : Bytes{}; }
  u64 battle() const { return view_.header.battle; }
  Tick tick() const { return view_.header.tick; }
  u64 state_hash() const { return view_.header.state_hash; }
  u32 players() const { return view_.header.players; }  ///< seated

  /// Where a player is and what was last applied of him; of kNoStream and zeros
  /// for a seat that the frame does not know.
  PlayerPlace place(PlayerSlot player) const {
    return player.value < view_.places.size() ? view_.places[player.value] : PlayerPlace{};
  }
  /// Where the entities are that matter most to a player; null when the frame tells
  /// none, of anybody.
  const RelevantStreams* relevant(PlayerSlot player) const {
    return player.value < view_.relevant.size() ? &view_.relevant[player.value] : nullptr;
  }
  /// The player's entity, or EntityId{0}.
  EntityId entity(PlayerSlot player) const {
    return EntityId{player.value < entities_.size() ? entities_[player.value] : 0};
  }
  /// The newest frame's directed messages; see BattleFrameView.
  template <class Visit>
  void for_each_message(Visit visit) const {
    if (frame_held_) view_.for_each_message(visit);
  }

  // For ClientView.
  u32 instance() const { return view_.header.instance; }
  u32 layout() const { return view_.header.layout; }
  u32 columns() const { return view_.header.columns; }
  u32 rows() const { return view_.header.rows; }
  u32 stream_limit() const { return static_cast<u32>(streams_.size()); }
  const Stream& stream(u16 number) const { return streams_[number]; }
  bool live(const Stream& stream) const { return stream.frame == frame_number_; }
  /// It is live, and all of these teams may know what is in it.
  bool open_to(world::TeamSet teams, const Stream& stream) const {
    return live(stream) && (stream.hidden_from & teams) == 0;
  }
  /// The live streams, sorted by cell, and those of one cell.
  std::span<const StreamRecord> records() const { return view_.streams; }
  std::span<const StreamRecord> records_of(u32 cell) const {
    return view_.streams.subspan(cell_first_[cell], cell_first_[cell + 1] - cell_first_[cell]);
  }
  Bytes key_body(u16 number) const {
    return {keys_.get() + std::size_t{number} * key_stride_, streams_[number].key_size};
  }

 private:
  void reshape(const BattleFrameHeader& head);
  void take_keys();
  void take_streams();

  BattleFrameView view_;
  bool frame_held_ = false;
  u32 frame_number_ = 0;
  Tick last_tick_ = 0;
  bool entities_known_ = false;
  u32 keys_missing_ = 0;
  u32 asked_at_ = 0;
  std::vector<Stream> streams_;        // by stream number
  std::vector<u32> cell_first_;        // by cell: its first record; one more at the end
  std::vector<u64> entities_;          // by player
  std::unique_ptr<std::byte[]> keys_;  // key_stride_ bytes a stream
  std::size_t key_stride_ = 0;
};

}  // namespace drumline::broadcast
