// Bodies of keys and deltas (docs/formats/state-frame.md): a stream's entities,
// quantised, in full or as they differ from a key frame.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "broadcast/stream_table.hpp"

namespace drumline::broadcast {

/// What is kept of a key frame to encode deltas against it.
struct KeyFrame {
  std::array<Member, kMaxStreamEntities> members;
  std::array<u32, kMaxStreamEntities> generations;
  // How the members of now stand to it, as of `membership`: pairs of (place in
  // the key frame, place now) of those in both, and who is new.
  std::array<u8, kMaxStreamEntities> kept_key;
  std::array<u8, kMaxStreamEntities> kept_now;
  u64 new_mask = 0;
  u32 membership = 0;
  u32 tick = 0;
  u16 count = 0;
  u16 kept = 0;
  u8 number = 0;
  bool same = false;  ///< members and their order are the key frame's
};

/// One a battle, on its thread. Allocates at creation only.
class ChunkEncoder {
 public:
  explicit ChunkEncoder(const Schema& schema);

  /// Values that a key frame needs at most, in u32. Tables follow each other; of
  /// each, the values of all its entities field by field.
  std::size_t values_per_key() const { return max_fields_ * kMaxStreamEntities; }
  /// Bytes that key and delta may have beyond the entities' weight.
  u32 key_overhead() const { return key_overhead_; }
  u32 delta_overhead() const { return delta_overhead_; }

  /// Quantises a stream's entities; the calls below are about it.
  void load(const world::World& world, const Stream& stream);

  /// Makes a key frame of what was loaded. Returns the body, valid until the next call.
  Bytes make_key(KeyFrame& key, u32* values);

  /// The body of the delta of what was loaded to `key`, without events; valid
  /// until the next call, with room for `kEventRoom` bytes behind it.
  MutableBytes delta(KeyFrame& key, const u32* values);
  static constexpr std::size_t kEventRoom = 2048;

 private:
  void map_members(KeyFrame& key) const;
  std::byte* put_full(std::byte* out, u32 table, const u8* places, u32 count) const;
  std::byte* put_section(std::byte* out, const KeyFrame& key, const u32* values, u32 table, u32 key_first,
                         u32 key_last, u32 kept_first, u32 kept_last, u64 news);

  const Schema& schema_;
  std::size_t max_fields_ = 1;
  u32 key_overhead_ = 0;
  u32 delta_overhead_ = 0;
  const Stream* stream_ = nullptr;
  std::array<u32, kMaxStreamEntities> generations_;
  std::vector<u32> values_;       // of what was loaded: (field, place) at field * kMaxStreamEntities + place
  std::vector<u32> differences_;  // as values_
  std::vector<std::byte> out_;
};

}  // namespace drumline::broadcast
