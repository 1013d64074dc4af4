// A client's side of docs/formats/state-frame.md: datagrams in, entities out.
#pragma once

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "broadcast/bits.hpp"
#include "broadcast/schema.hpp"

namespace drumline::broadcast {

struct DecoderLimits {
  u32 streams = 512;                ///< remembered; past it the one not heard of the longest is forgotten
  u32 forget_entities_ticks = 128;  ///< without a word of their stream
  u32 forget_keys_ticks = 1024;
  /// Decode each chunk when it comes. Otherwise only when its entities are asked
  /// for, which is much cheaper for who looks rarely, but misses events.
  bool eager = true;
  bool events = true;  ///< otherwise they are checked and not kept
};

/// An event as the wire tells it.
struct StateEvent {
  u32 tick = 0;
  u8 kind = 0;
  EntityId source, target;
  i32 x = 0, y = 0;  ///< fixed point, 6 fractional bits
  i32 a = 0, b = 0;
};

/// One per client; one thread. Memory is bounded by the limits; whatever a
/// datagram holds, nothing worse happens than that it is refused.
class StateDecoder {
 public:
  enum class Status {
    applied,
    old,        ///< nothing in it was newer than what is known
    malformed,  ///< refused, at the latest where it stopped making sense
  };

  /// A table of the schema with the decoded entities of one stream: columns.
  struct Section {
    const SentTable* table = nullptr;
    u32 first = 0;  ///< place of its first entity in the stream's slots
    u32 count = 0;
    u32 values = 0;  ///< where its values start: field f of entity i at values + f * count + i
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
  /// Decodes those streams alone.
  template <class Visit>
  void for_each_told(std::size_t most, Visit visit) {
    std::size_t visited = 0;
    prefetch_told();
    for (std::size_t i = 0; i < told_count_ && visited < most; ++i) {
      Stream& stream = streams_[told_[i]];
      if (!stream.used || !stream.has_state || stream.tick != tick_ || !decode(stream)) continue;
      Entity entity;
      entity.tick_ = stream.tick;
      for (const Section& section : stream.now.sections) {
        entity.section_ = &section;
        entity.values_ = stream.now.values.data() + section.values;
        for (u32 place = 0; place < section.count; ++place) {
          entity.place_ = place;
          entity.slot_ = stream.now.slots[section.first + place];
          entity.generation_ = stream.now.generations[section.first + place];
          if (entity.generation_ == 0) continue;
          visit(std::as_const(entity));
          ++visited;
        }
      }
    }
  }
  /// Finds an entity. Quick for the client's own: the server puts its stream
  /// first. Others cost a look at every stream.
  bool find(EntityId id, Entity& out);

  struct Counters {
    u64 datagrams = 0;
    u64 malformed = 0;
    u64 chunks = 0;
    u64 unusable_chunks = 0;  ///< their key frame is not here
    u64 keys = 0;
    u64 evicted_streams = 0;
  };
  const Counters& counters() const { return counters_; }
  std::size_t memory_bytes() const;

 private:
  /// Entities of a stream, decoded: of a key frame, or of now.
  struct Columns {
    std::vector<Section> sections;
    std::vector<u32> slots;
    std::vector<u32> generations;
    std::vector<u32> values;
    void clear();
  };
  struct Key {
    u32 tick = 0;
    u8 number = 0;
    bool held = false;
  };
  /// A stream's newest chunk, undecoded. Short ones lie in place: many clients
  /// in one process are bound by how many cache lines a chunk touches.
  class Pending {
   public:
    void assign(Bytes body) {
      size_ = static_cast<u16>(body.size());
      if (body.size() > kInPlace)
        long_.assign(body.begin(), body.end());
      else if (!body.empty())
        std::memcpy(short_, body.data(), body.size());
    }
    Bytes bytes() const { return size_ > kInPlace ? Bytes(long_).first(size_) : Bytes(short_, size_); }
    void free() {
      size_ = 0;
      long_ = {};
    }
    std::size_t memory_bytes() const { return long_.capacity(); }

   private:
    static constexpr std::size_t kInPlace = 118;
    u16 size_ = 0;
    std::byte short_[kInPlace];
    std::vector<std::byte> long_;
  };
  struct alignas(64) Stream {
    u32 number = 0;
    u32 heard = 0;  ///< tick of the newest datagram that spoke of it
    u32 tick = 0;   ///< of the state
    bool used = false;
    bool has_state = false;
    bool decoded = false;   ///< `now` is the state; otherwise `pending` and `base` tell it
    bool from_key = false;  ///< the state is key frame `base` itself
    u8 base = 0;
    Key keys[2];
    Pending pending;
    Columns key_columns[2];
    Columns now;
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
    bool used;
  };

  struct Chunk {
    Bytes body;
    u32 number = 0;
    u32 age = 0;  ///< of a key
    u8 key = 0;
    bool is_key = false;
  };
  static bool read_chunk(ByteReader& in, Chunk& chunk);

  void prefetch_index(u32 number) const;
  void prefetch(u32 number) const;
  void prefetch_told() const;
  void put_index(u32 number, u32 place);
  Stream* find_stream(u32 number);
  Stream& stream_for(u32 number);
  void forget(Stream& stream);
  void rebuild_index();
  void sweep();

  bool take_key(Stream& stream, u8 number, u32 key_tick, u32 frame_tick, Bytes body);
  bool take_delta(Stream& stream, u8 number, u32 frame_tick, Bytes body);
  bool decode(Stream& stream);
  const SentTable* table(u8 index) const { return index < 32 ? by_index_[index] : nullptr; }
  bool parse_key(Bytes body, Columns& out) const;
  bool parse_delta(const Columns& key, Bytes body, u32 frame_tick, u32 stream, Columns& out);
  bool parse_events(Bytes body, u32 frame_tick, u32 stream);
  bool visible(const Stream& stream) const {
    return stream.used && stream.has_state && tick_ - stream.tick <= limits_.forget_entities_ticks;
  }
  bool find_in(u32 stream, EntityId id, Entity& out);
  Entity entity_at(u32 stream, u32 place) const;
  void collect();
  void note_ack(u32 value);

  Schema schema_;
  DecoderLimits limits_;
  std::array<const SentTable*, 32> by_index_{};
  std::vector<Stream> streams_;
  std::vector<u32> free_;  // places in streams_
  // Open addressing by number: its low 16 bits, then place + 1; 0 is free.
  std::vector<u32> index_;
  bool has_tick_ = false;
  u32 tick_ = 0;
  u32 swept_ = 0;
  u32 last_sequence_ = 0;
  u32 players_ = 0;
  u32 first_stream_ = 0xFFFF'FFFF;  ///< place of the first stream of the newest datagram
  std::array<u16, 64> told_{};      ///< places of its first streams
  u32 told_count_ = 0;
  std::vector<Ack> acks_;  ///< a new one before those that are repeated
  u32 new_acks_ = 0;
  std::vector<StateEvent> events_;
  std::array<SeenEvent, 256> seen_{};
  u32 seen_next_ = 0;
  std::vector<Known> known_;  // open addressing by id; collect()'s
  Columns scratch_;
  Counters counters_;
};

}  // namespace drumline::broadcast
