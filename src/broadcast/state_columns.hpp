// Bodies of key frames and chunks (docs/formats/state-frame.md) as columns of entities.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "broadcast/schema.hpp"

namespace drumline::broadcast {

/// An event as the wire tells it.
struct StateEvent {
  u32 tick = 0;
  u8 kind = 0;
  EntityId source, target;
  i32 x = 0, y = 0;  ///< fixed point, 6 fractional bits
  i32 a = 0, b = 0;
};

/// With its number: told again, it has the same tick, stream and number.
struct ToldEvent {
  StateEvent event;
  u8 number = 0;
};

/// A table of the schema with the decoded entities of one stream.
struct Section {
  const SentTable* table = nullptr;
  u32 first = 0;  ///< place of its first entity in the stream's slots
  u32 count = 0;
  u32 values = 0;  ///< where its values start: field f of entity i at values + f * count + i
};

/// The entities of a stream, at most 256.
struct Columns {
  std::vector<Section> sections;
  std::vector<u32> slots;
  std::vector<u32> generations;
  std::vector<u32> values;

  void clear();
  std::size_t memory_bytes() const;
};

/// Finds a schema's tables by the table part of EntityId. The schema outlives it.
class TablesByIndex {
 public:
  explicit TablesByIndex(const Schema& schema);
  /// Null when there is none.
  const SentTable* operator[](u8 index) const { return index < tables_.size() ? tables_[index] : nullptr; }

 private:
  std::array<const SentTable*, world::kMaxTables> tables_{};
};

/// Replaces `out` by the entities of a key frame's body; false, with anything in `out`, when the
/// body makes no sense. Whatever the bytes are, `out` stays within its bound.
bool parse_key(const TablesByIndex& tables, Bytes body, Columns& out);

/// The same for the body of a chunk that came in a datagram of `frame_tick` and is relative to
/// `key`; `events` is replaced by the events in it, at most one for 15 bytes.
bool parse_delta(const TablesByIndex& tables, const Columns& key, Bytes body, u32 frame_tick, Columns& out,
                 std::vector<ToldEvent>& events);

}  // namespace drumline::broadcast
