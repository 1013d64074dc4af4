// A client's side of docs/formats/state-frame.md: datagrams in, entities out.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "broadcast/bits.hpp"
#include "broadcast/body_store.hpp"
#include "broadcast/schema.hpp"

namespace drumline::broadcast {

struct DecoderLimits {
  u32 streams = 512;                ///< remembered; past it the one not heard of the longest is forgotten
  u32 forget_entities_ticks = 128;  ///< without a word of their stream
  u32 forget_keys_ticks = 1024;
  bool events = true;  ///< otherwise they are checked and not kept
};

/// One per client; one thread. Memory is bounded by the limits; whatever a
/// datagram holds, nothing worse happens than that it is refused. What it decodes lies in
/// a store, which the decoders of a thread may share: what each of them knows is the same
/// as if it had one of its own.
class StateDecoder {
 public:
  enum class Status {
    applied,
    old,        ///< nothing in it was newer than what is known
    malformed,  ///< refused, at the latest where it stopped making sense
  };

  /// One entity; valid until the decoder is next changed.
  class Entity {
   public:
    EntityId id() const { return make_entity_id(section_->table->index, generation_, slot_); }
    const SentTable& table() const { return *section_->table; }
    u32 tick() const { return tick_; }  ///< of the datagram that said so, low 32 bits
    /// Wire value of field `f`, signed where the field is.
    i64 value(std::size_t f) const {
      const SentField& field = section_->table->fields[f];
      const u32 raw = values_[f * section_->count + place_];
      return field.is_signed ? i64{sign_extend(raw, field.bits)} : i64{raw};
    }
    /// In the field's own unit.
    i64 world_value(std::size_t f) const {
      return static_cast<i64>(static_cast<u64>(value(f)) << section_->table->fields[f].shift);
    }

   private:
    friend class StateDecoder;
    const Section* section_ = nullptr;
    const u32* values_ = nullptr;
    u32 place_ = 0;
    u32 slot_ = 0;
    u32 generation_ = 0;
    u32 tick_ = 0;
  };

  /// `schema` has passed check_schema().
  explicit StateDecoder(Schema schema, const DecoderLimits& limits = {});
  /// Of `battle`, with other decoders on `store`, which is used by all of them alone and so goes with
  /// the last.
  StateDecoder(std::shared_ptr<BodyStore> store, BattleId battle, const DecoderLimits& limits = {});
  ~StateDecoder();
  StateDecoder(const StateDecoder&) = delete;
  StateDecoder& operator=(const StateDecoder&) = delete;

  Status apply(Bytes datagram);
  /// Forgets everything but the schema: a new session.
  void reset();

  // As of the newest datagram.
  bool has_tick() const { return has_tick_; }
  u32 tick() const { return tick_; }
  u32 last_sequence() const { return last_sequence_; }
  u32 players() const { return players_; }

  /// Puts key frames to acknowledge into `out` and returns how many: each new one
  /// in three calls. For the key_acks of the next command, at most 32.
  std::size_t take_acks(std::span<u32> out);
  /// There are some that were never taken: worth a datagram of their own. The others ride
  /// along; should one be lost, the server sends its key frame again.
  bool has_new_acks() const { return new_acks_ != 0; }

  /// The newest events not yet taken, each once.
  std::span<const StateEvent> events() const { return events_; }
  void clear_events() { events_.clear(); }

  /// Calls visit(const Entity&) for each known entity, each once.
  template <class Visit>
  void for_each(Visit visit) {
    collect();
    for (const Known& known : known_) {
      if (known.id != 0) visit(entity_at(known.stream, known.place));
    }
  }
  /// Calls visit(const Entity&) for the entities of the streams that the newest
  /// datagram told of, in its order (the client's own stream first, from a battle's
  /// server then the nearest first), until `most` were visited: whole streams.
  template <class Visit>
  void for_each_told(std::size_t most, Visit visit) const {
    std::size_t visited = 0;
    for (std::size_t i = 0; i < told_count_ && visited < most; ++i) {
      const Stream& stream = streams_[told_[i]];
      if (stream.now == BodyStore::kNone || store_->tick(stream.now) != tick_) continue;
      const Columns& now = store_->columns(stream.now);
      Entity entity;
      entity.tick_ = tick_;
      for (const Section& section : now.sections) {
        entity.section_ = &section;
        entity.values_ = now.values.data() + section.values;
        for (u32 place = 0; place < section.count; ++place) {
          entity.place_ = place;
          entity.slot_ = now.slots[section.first + place];
          entity.generation_ = now.generations[section.first + place];
          visit(std::as_const(entity));
          ++visited;
        }
      }
    }
  }
  /// Finds an entity. Quick for the client's own: the server puts its stream
  /// first. Others cost a look at every stream.
  bool find(EntityId id, Entity& out) const;

  struct Counters {
    u64 datagrams = 0;
    u64 malformed = 0;
    u64 chunks = 0;
    u64 unusable_chunks = 0;  ///< their key frame is not here
    u64 keys = 0;
    u64 evicted_streams = 0;
  };
  const Counters& counters() const { return counters_; }
  /// Without what the store holds.
  std::size_t memory_bytes() const;
  const BodyStore& store() const { return *store_; }

 private:
  /// What is known of a stream. Small: many clients in one process are bound by how many cache
  /// lines a datagram touches.
  struct Stream {
    u32 number = kUnused;
    u32 heard = 0;  ///< tick of the newest datagram that spoke of it
    BodyStore::Ref keys[2] = {};
    BodyStore::Ref now = BodyStore::kNone;  ///< its newest state: a chunk, or a key frame itself
    u8 key_numbers[2] = {};                 ///< of keys
  };
  struct Known {
    u64 id = 0;
    u32 stream = 0;
    u32 place = 0;
  };
  struct Ack {
    u32 value;
    u8 left;
  };
  struct SeenEvent {
    u32 tick;
    u32 stream;
    u8 number;
  };

  struct Chunk {
    Bytes body;
    u32 number = 0;
    u32 age = 0;  ///< of a key
    u8 key = 0;
    bool is_key = false;
    u32 place = 0;                           ///< where its stream probably is, a hint
    BodyStore::Ref base = BodyStore::kNone;  ///< which key frame it is probably relative to, a hint
  };
  static bool read_chunk(ByteReader& in, Chunk& chunk);

  void prefetch_index(u32 number) const;
  void prefetch(std::span<Chunk> chunks, u32 tick) const;
  BodyStore::Ref key_of(const Stream& stream, u8 number) const;
  void put_index(u32 number, u32 place);
  Stream* find_stream(const Chunk& chunk);
  Stream& stream_for(const Chunk& chunk);
  void forget(Stream& stream);
  void rebuild_index(std::size_t size);
  void sweep();

  bool take_key(Stream& stream, const Chunk& chunk, u32 frame_tick);
  bool take_delta(Stream& stream, const Chunk& chunk, u32 frame_tick);
  /// `state` is held for the stream.
  void put_state(Stream& stream, BodyStore::Ref state);
  void take_events(u32 stream, const std::vector<ToldEvent>& events);
  bool visible(const Stream& stream) const {
    return stream.now != BodyStore::kNone &&
           tick_ - store_->tick(stream.now) <= limits_.forget_entities_ticks;
  }
  bool find_in(u32 stream, EntityId id, Entity& out) const;
  Entity entity_at(u32 stream, u32 place) const;
  void collect();
  void note_ack(u32 value);

  static constexpr u32 kUnused = 0xFFFF'FFFF;  // no stream has this number

  // What each datagram needs comes first.
  std::shared_ptr<BodyStore> store_;
  u32 tick_ = 0;
  u32 swept_ = 0;
  u32 last_sequence_ = 0;
  u32 players_ = 0;
  u32 new_acks_ = 0;
  u32 first_stream_ = kUnused;  ///< place of the first stream of the newest datagram
  u32 told_count_ = 0;
  bool has_tick_ = false;
  // Open addressing by number: its low 16 bits, then place + 1; 0 is free.
  std::vector<u32> index_;
  std::vector<Stream> streams_;
  Counters counters_;
  std::array<u16, 64> told_{};  ///< places of its first streams
  BattleId battle_;
  DecoderLimits limits_;
  std::vector<u32> free_;  // places in streams_
  std::vector<Ack> acks_;  ///< a new one before those that are repeated
  std::vector<StateEvent> events_;
  std::vector<SeenEvent> seen_;  ///< the newest, kSeenEvents at most
  u32 seen_next_ = 0;
  std::vector<Known> known_;  // open addressing by id; collect()'s
};

}  // namespace drumline::broadcast
