// Decoded bodies of a battle's key frames and chunks, each kept once however many decoders hold it.
// A server encodes once for all its clients, so clients in one process need not decode more often
// either: what a further one is sent is compared byte for byte with what was decoded.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "broadcast/state_columns.hpp"

namespace drumline::broadcast {

struct BodyCounters {
  u64 decoded = 0;
  u64 equal = 0;      ///< had been decoded for another holder, from the very same bytes
  u64 different = 0;  ///< of the same stream, tick and key frame as another, from other bytes: a bad server

  void add(const BodyCounters& other) {
    decoded += other.decoded;
    equal += other.equal;
    different += other.different;
  }
  /// Takes an earlier count away.
  void subtract(const BodyCounters& earlier) {
    decoded -= earlier.decoded;
    equal -= earlier.equal;
    different -= earlier.different;
  }
};

/// One thread. Holds nothing by itself: bounded by what its holders may hold.
class BodyStore {
 public:
  /// Names a body while somebody holds it.
  using Ref = u32;
  static constexpr Ref kNone = 0;

  class Body {
   public:
    u32 tick() const { return tick_; }     ///< of the key frame, or of the chunk's datagram
    u8 number() const { return number_; }  ///< of the key frame, or of that which the chunk is relative to
    const Columns& columns() const { return columns_; }
    const std::vector<ToldEvent>& events() const { return events_; }

   private:
    friend class BodyStore;
    // What is looked at with every chunk of every holder comes first, on one cache line.
    u32 tick_ = 0;
    u32 holders_ = 0;
    u32 stream_ = 0;   ///< of a key frame
    Ref key_ = kNone;  ///< of a chunk
    u8 number_ = 0;
    std::vector<std::byte> bytes_;
    Columns columns_;
    std::vector<ToldEvent> events_;
    std::vector<Ref> chunks_;  ///< of a key frame: relative to it, by tick modulo kTicks
  };

  /// `schema` has passed check_schema(). `counters`, if any, outlives the store.
  explicit BodyStore(Schema schema, BodyCounters* counters = nullptr);
  BodyStore(const BodyStore&) = delete;
  BodyStore& operator=(const BodyStore&) = delete;

  const Schema& schema() const { return schema_; }

  /// The key frame with this body, decoded; the caller holds it once more. kNone when the body makes no
  /// sense.
  Ref hold_key(u32 stream, u8 number, u32 tick, Bytes body);
  /// The same for a chunk relative to the key frame `key`, of a datagram of `tick`.
  Ref hold_chunk(Ref key, u32 tick, Bytes body);
  /// What is held already is held once more.
  Ref hold_again(Ref held) {
    ++bodies_[held].holders_;
    return held;
  }
  /// Held once less; nothing when kNone.
  void release(Ref held) {
    if (held != kNone && --bodies_[held].holders_ == 0) forget(held);
  }

  /// `held` is held. The reference is good until the next body is decoded, the body's columns
  /// and events stay where they are while it is held.
  const Body& operator[](Ref held) const { return bodies_[held]; }

  const BodyCounters& counters() const { return *counters_; }
  /// Bodies that somebody holds.
  std::size_t held() const { return bodies_.size() - 1 - free_.size(); }
  std::size_t memory_bytes() const;

 private:
  // Chunks of so many ticks of a key frame are found again; an older one is decoded for whoever gets it.
  static constexpr u32 kTicks = 16;

  static bool equal(const Body& body, Bytes bytes) {
    return body.bytes_.size() == bytes.size() &&
           (bytes.empty() || std::memcmp(body.bytes_.data(), bytes.data(), bytes.size()) == 0);
  }
  /// That one, held once more; kNone when its bytes are others.
  Ref share(Ref known, Bytes bytes);
  Ref take();
  void forget(Ref ref);

  Schema schema_;
  TablesByIndex tables_;
  BodyCounters own_counters_;
  BodyCounters* counters_;
  std::vector<Body> bodies_;                  // the first is nobody's: kNone
  std::vector<Ref> free_;                     // places in bodies_
  std::unordered_map<u32, Ref> newest_keys_;  // by stream << 8 | number
};

/// The stores of the battles that the decoders of one thread are in.
class BodyStores {
 public:
  /// The battle's; one of its own for who was told another schema than those before.
  /// Shared by its decoders alone: with the last of a battle its store goes.
  std::shared_ptr<BodyStore> of(BattleId battle, Schema schema);
  const BodyCounters& counters() const { return counters_; }

 private:
  BodyCounters counters_;
  std::map<BattleId, std::weak_ptr<BodyStore>> stores_;
};

}  // namespace drumline::broadcast
