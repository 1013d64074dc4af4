// Encode once: turns the world of each tick into one battle frame, whoever and
// however many will read it. cell_encoder.cpp: frames, key frames and chunks;
// cell_encoder_events.cpp and cell_encoder_players.cpp: what their names say.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "broadcast/battle_frame.hpp"
#include "broadcast/chunk_encoder.hpp"
#include "broadcast/grid.hpp"
#include "broadcast/nearness.hpp"
#include "broadcast/schema.hpp"
#include "broadcast/stream_table.hpp"
#include "world/rules.hpp"

namespace drumline::broadcast {

struct EncoderSettings {
  BattleId battle{};
  u32 instance = 1;  ///< another number each time that the battle's encoder is made anew
  u32 expected_players = 64;
  world::Fixed cell_size{};  ///< 0: about 12 of the expected players in each cell
  i64 near_distance = 0;     ///< raw fixed point: players so near are near (Nearness); 0: an eighth of a cell
  u32 key_period_ticks = 96;  ///< how often a stream gets a new key frame
  u32 overlap_ticks = 32;     ///< how long the previous one can still be used
  u32 event_ticks = 4;        ///< how often an event is sent
  u32 max_events = 4096;      ///< kept at a time; more are dropped and counted
  u32 stream_entities = 48;
  u32 datagram_budget = 1100;                     ///< clients' smallest: bounds a stream's size
  const world::Visibility* visibility = nullptr;  ///< the game's, if it has one; outlives the encoder
};

/// A seat as of this tick; by player slot.
struct SeatState {
  EntityId entity{};  ///< 0: none
  u32 sequence = 0;   ///< last applied command
};

struct EncodeInput {
  const world::World& world;
  u64 state_hash = 0;
  u32 players = 0;                   ///< seated
  std::span<const SeatState> seats;  ///< by player slot
  std::span<const world::Event> events;
  MessageQueue* messages = nullptr;  ///< taken as far as they fit
  Bytes tick_payload{};              ///< relayed to those in lockstep; empty: not
  bool ended = false;                ///< there will be no further frame …
  u8 end_cause = 0;                  ///< … for this reason (wire::EndCause, at most 3)
};

/// One a battle, on its thread. After creation it allocates nothing.
class CellEncoder {
 public:
  /// Refuses a world whose entities are too large for a datagram.
  static Result<std::unique_ptr<CellEncoder>> create(const world::World& world, world::MapSize map,
                                                     const EncoderSettings& settings);

  /// Writes the frame of world.tick() to `out`, which lies on a multiple of 8
  /// bytes; returns its size. What does not fit waits (key frames that were asked
  /// for, messages) or is left out and counted (streams). 0 when not even the head,
  /// the seats and the tick's payload fit.
  std::size_t encode(const EncodeInput& input, MutableBytes out);
  /// A frame with messages and the tick's payload only, for a tick whose state is not
  /// sent. Its events go with the next state.
  std::size_t encode_without_state(const EncodeInput& input, MutableBytes out);
  /// A tick without a frame: keeps its events for the next one, and who may know of them.
  void skip(const world::World& world, std::span<const world::Event> events);

  /// The next frame carries all current key frames and entities, for a consumer
  /// that missed some; what does not fit follows in the frames after it.
  void request_full() { full_requested_ = true; }

  /// Room with which nothing has to wait or be left out, messages excepted.
  std::size_t frame_bytes_most() const;

  const Schema& schema() const { return schema_; }
  const Grid& grid() const { return grid_; }
  u32 open_streams() const { return table_.open_streams(); }

  struct Counters {
    u64 keys = 0;  ///< key frames made
    u64 chunks = 0;
    u64 chunk_bytes = 0;
    u64 dropped_events = 0;
    u64 dropped_streams = 0;  ///< a stream's chunk did not fit the frame
    u64 overflowed = 0;       ///< an entity found no stream
  };
  Counters counters() const;

 private:
  struct StreamKeys {
    u32 previous_until = 0;
    u32 first_delta = 0;  ///< size of the first delta after the current key frame
    u32 excess = 0;       ///< by how much all later ones were larger, summed up
    u32 last_excess = 0;
    u16 body_size = 0;  ///< of the current key frame
    u8 current = 0;     ///< which of the two frames
    bool has_current = false;
    bool has_previous = false;
    bool numbered = false;
    bool fresh = false;  ///< no delta against the current frame was made yet
    KeyFrame frames[2];
  };
  static constexpr u32 kNoEvent = 0xFFFF'FFFF;
  struct RecentEvent {
    u32 tick;
    u16 stream;
    world::TeamSet hidden_from;
    u8 number;
    u8 kind;
    u8 size;
    std::byte bytes[46];  ///< from `source` on, as it goes out
  };

  CellEncoder(const world::World& world, world::MapSize map, const EncoderSettings& settings, Schema schema,
              const StreamLimits& limits);
  static StreamLimits limits_of(const world::World& world, const Schema& schema, const Grid& grid,
                                const EncoderSettings& settings);

  BattleFrameHeader begin_head(const EncodeInput& input);
  void put_tail(const EncodeInput& input, BattleFrameHeader& head, ByteWriter& out);
  void take_events(u32 tick);
  void list_events();
  void keep_events(std::span<const world::Event> events, Tick tick);
  u16 stream_of_event(const world::Event& event, world::TeamSet hidden_from) const;
  /// `crowd` is how many streams the cell has.
  bool wants_key(u16 number, const StreamKeys& keys, u32 crowd, u32 tick);
  void make_key(u16 number, StreamKeys& keys, u32 tick);
  bool encode_stream(const world::World& world, u16 number, u32 crowd, u32 tick, ByteWriter& out);
  std::size_t put_chunk(u16 number, KeyFrame& key, const u32* values, std::size_t limit, u32 tick,
                        ByteWriter& out, u32& state_size);
  std::size_t put_events(u16 number, std::byte* out, std::size_t room, u32 tick) const;
  void put_places(const EncodeInput& input, ByteWriter& out);
  void put_relevant(std::size_t count, ByteWriter& out);
  u32 put_entities(const EncodeInput& input, bool all, ByteWriter& out);
  u32 put_keys(ByteWriter& out, std::size_t end);

  void list_streams();
  void prefetch(u16 number);
  u32* values_of(u16 number, u32 which) {
    return key_values_.get() + (std::size_t{number} * 2 + which) * chunks_.values_per_key();
  }

  EncoderSettings settings_;
  Schema schema_;
  Grid grid_;
  StreamLimits limits_;
  StreamTable table_;
  ChunkEncoder chunks_;
  u32 key_bytes_limit_;
  const world::Visibility* hiding_;  ///< the settings' visibility, if something may be hidden
  std::unique_ptr<StreamKeys[]> keys_;
  std::unique_ptr<u32[]> key_values_;
  std::unique_ptr<std::byte[]> key_bodies_;
  std::vector<u64> key_pending_;  // one bit a stream: its key frame has yet to go out
  u32 key_cursor_ = 0;
  u32 early_keys_left_ = 0;
  bool full_requested_ = true;
  std::vector<StreamRecord> records_;
  struct Turn {
    u16 stream;
    u16 crowd;  ///< streams in its cell
  };
  std::vector<Turn> turns_;  // the open streams by cell
  std::vector<KeyRecord> key_records_;
  std::vector<PlayerPlace> places_;
  /// None where something may be hidden: how often a player is sent to would tell him of who is near
  /// and not to be seen; and where a few would not matter.
  std::optional<Nearness> nearness_;
  std::vector<PlayerPosition> positions_;  // by player, for nearness_
  std::vector<u8> calm_;                   // by player, by nearness_
  u32 since_nearness_ = 0;                 // frames
  std::vector<u64> entities_;              // as last sent, by player
  std::vector<RecentEvent> events_;
  std::vector<u32> event_next_;   // chains of a stream's events, newest first
  std::vector<u32> event_first_;  // by stream
  std::vector<u16> event_count_;  // by stream, of this tick
  struct PendingEvent {
    u32 tick;
    world::TeamSet hidden_from;
    world::Event event;
  };
  std::vector<PendingEvent> pending_events_;  // of ticks whose state was not sent, and of this one
  u32 last_frame_tick_ = 0;
  u32 last_state_tick_ = 0;
  Counters counters_;
};

}  // namespace drumline::broadcast
