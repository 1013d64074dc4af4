// Decoded bodies of battles' key frames and chunks, each kept once however many decoders hold it.
// A server encodes once for all its clients, so clients in one process need not decode more often
// either: what a further one is sent is compared byte for byte with what was decoded.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <utility>
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

  /// `schema` has passed check_schema(). `counters`, if any, outlives the store.
  explicit BodyStore(Schema schema, BodyCounters* counters = nullptr);
  BodyStore(const BodyStore&) = delete;
  BodyStore& operator=(const BodyStore&) = delete;

  const Schema& schema() const { return schema_; }

  /// The key frame with this body, decoded; the caller holds it once more. kNone when the body makes no
  /// sense. Streams of different battles are different ones.
  Ref hold_key(BattleId battle, u32 stream, u8 number, u32 tick, Bytes body);
  /// The same for a chunk relative to the key frame `key`, of a datagram of `tick`.
  Ref hold_chunk(Ref key, u32 tick, Bytes body);
  /// What is held already is held once more.
  Ref hold_again(Ref held) {
    ++heads_[held].holders;
    return held;
  }
  /// Held once less; nothing when kNone.
  void release(Ref held) {
    if (held != kNone && --heads_[held].holders == 0) forget(held);
  }

  // Of what is held. References are good until the next body is decoded; what the columns' and
  // events' vectors hold stays where it is for as long as the body is held.

  /// Of the key frame, or of the chunk's datagram.
  u32 tick(Ref held) const { return heads_[held].tick; }
  const Columns& columns(Ref held) const { return decoded_[held].columns; }
  const std::vector<ToldEvent>& events(Ref held) const { return decoded_[held].events; }

  /// Asks memory for what release() and comparing need; `held` may be kNone.
  void prefetch(Ref held) const {
    __builtin_prefetch(&heads_[held].tick);
    __builtin_prefetch(&heads_[held].start.back());
  }
  /// The same for the chunk that hold_chunk(key, tick, …) may find.
  void prefetch_chunk(Ref key, u32 tick) const { prefetch(heads_[key].chunks[tick % kTicks]); }

  const BodyCounters& counters() const { return *counters_; }
  /// Bodies that somebody holds.
  std::size_t held() const { return heads_.size() - 1 - free_.size(); }
  std::size_t memory_bytes() const;

 private:
  // Chunks of so many ticks of a key frame are found again; an older one is decoded for whoever gets it.
  static constexpr u32 kTicks = 8;
  static constexpr std::size_t kStartBytes = 76;

  /// What each chunk of each holder looks at: for most of them two cache lines.
  struct alignas(128) Head {
    u32 tick = 0;
    u32 holders = 0;
    u32 name = 0;     ///< of a key frame: stream << 8 | number
    Ref key = kNone;  ///< of a chunk
    u16 bytes = 0;
    bool is_key = false;
    std::array<Ref, kTicks> chunks{};            ///< of a key frame: relative to it, by tick modulo kTicks
    std::array<std::byte, kStartBytes> start{};  ///< of its bytes
  };
  static_assert(sizeof(Head) == 128);
  struct Decoded {
    Columns columns;
    std::vector<ToldEvent> events;
    std::vector<std::byte> rest;  ///< of its bytes
    BattleId battle{};            ///< of a key frame
  };
  using KeyName = std::pair<BattleId, u32>;
  struct HashKeyName {
    std::size_t operator()(const KeyName& name) const {
      return static_cast<std::size_t>((name.first.value << 32 ^ name.second) * 0x9E37'79B9'7F4A'7C15U);
    }
  };

  bool equal(Ref held, Bytes bytes) const;
  void keep_bytes(Ref held, Bytes bytes);
  /// That one, held once more; kNone when its bytes are others.
  Ref share(Ref known, Bytes bytes);
  Ref take();
  void forget(Ref ref);

  Schema schema_;
  TablesByIndex tables_;
  BodyCounters own_counters_;
  BodyCounters* counters_;
  std::vector<Head> heads_;       // the first is nobody's: kNone
  std::vector<Decoded> decoded_;  // as heads_
  std::vector<Ref> free_;         // places in heads_
  std::unordered_map<KeyName, Ref, HashKeyName> newest_keys_;
};

/// The stores that the decoders of one thread share: one for all battles that tell of the same fields,
/// so that what serves one client is in the caches when the next one's frame comes.
class BodyStores {
 public:
  /// Shared by its decoders alone: with the last of them it goes.
  std::shared_ptr<BodyStore> of(Schema schema);
  const BodyCounters& counters() const { return counters_; }

 private:
  BodyCounters counters_;
  std::vector<std::weak_ptr<BodyStore>> stores_;
};

}  // namespace drumline::broadcast
