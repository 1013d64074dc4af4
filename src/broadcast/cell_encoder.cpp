#include "broadcast/cell_encoder.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "broadcast/bits.hpp"

namespace drumline::broadcast {
namespace {

constexpr std::size_t kChunkHeadBytes = 8;   // stream 3, type 1, key 1, length 2; rounded up
constexpr std::size_t kKeyHeadBytes = 16;    // as the client's view counts it
constexpr std::size_t kFrameHeadBytes = 12;  // of a state frame
constexpr u32 kCrowd = 64;                   // players: fewer can all be sent to each time
constexpr u32 kKeyAgeMost = 1024;            // a key frame is made anew by then, whatever it saves

Grid make_grid(world::MapSize map, const EncoderSettings& settings) {
  return Grid(map, settings.cell_size.raw > 0 ? settings.cell_size
                                              : Grid::cell_size_for(map, settings.expected_players));
}

/// Bytes that a stream's key frame and delta may each take for its entities.
u32 weight_limit(const ChunkEncoder& chunks, u32 budget) {
  const u32 fixed = static_cast<u32>(kFrameHeadBytes + kKeyHeadBytes + kChunkHeadBytes) +
                    chunks.key_overhead() + chunks.delta_overhead();
  return budget > fixed ? std::min((budget - fixed) / 2, kMaxKeyBytes - chunks.key_overhead()) : 0;
}

std::size_t padded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

/// The visibility, if anything may be hidden.
const world::Visibility* hiding(const world::Visibility* visibility) {
  return visibility != nullptr && visibility->team_count() > 0 ? visibility : nullptr;
}

/// How many sets of teams are common in one cell: with two teams all there are, with more
/// those of one team alone, of all but one, of none and of all.
u32 audiences(const world::Visibility* visibility) {
  if (hiding(visibility) == nullptr) return 1;
  return std::min(1U << visibility->team_count(), 2 * visibility->team_count() + 2);
}

}  // namespace

Result<std::unique_ptr<CellEncoder>> CellEncoder::create(const world::World& world, world::MapSize map,
                                                         const EncoderSettings& settings) {
  Schema schema = sent_schema(world);
  if (auto checked = check_schema(schema); !checked) return std::move(checked).error();
  if (settings.stream_entities < 1 || settings.stream_entities > kMaxStreamEntities) {
    return Error{ErrorCode::invalid_argument, "broadcast: entities a stream must be 1 .. 64"};
  }
  if (settings.visibility != nullptr && (settings.visibility->team_count() > world::kMaxTeams ||
                                         settings.visibility->most_relevant() > world::kMaxRelevant)) {
    return Error{ErrorCode::invalid_argument,
                 "broadcast: a game may have 16 teams and name 4 entities that "
                 "matter to a player; this one has or names more"};
  }
  if (settings.overlap_ticks < 1 || settings.key_period_ticks < settings.overlap_ticks) {
    return Error{ErrorCode::invalid_argument, "broadcast: the overlap must be 1 .. the key period"};
  }
  const u32 limit = weight_limit(ChunkEncoder(schema), settings.datagram_budget);
  for (const SentTable& table : schema) {
    u32 bits = 0;
    for (const SentField& field : table.fields) bits += field.bits;
    const u32 weight = (bits + 7) / 8 + varint_size(world.table(table.index).capacity()) + 4;
    if (weight > limit) {
      return Error{ErrorCode::invalid_argument, "broadcast: an entity of table " + table.name + " takes " +
                                                    std::to_string(weight) + " bytes, at most " +
                                                    std::to_string(limit) + " fit; send fewer bits"};
    }
  }
  const Grid grid = make_grid(map, settings);
  const StreamLimits limits = limits_of(world, schema, grid, settings);
  return std::unique_ptr<CellEncoder>(new CellEncoder(world, map, settings, std::move(schema), limits));
}

StreamLimits CellEncoder::limits_of(const world::World& world, const Schema& schema, const Grid& grid,
                                    const EncoderSettings& settings) {
  StreamLimits limits;
  limits.entities = settings.stream_entities;
  limits.weight = weight_limit(ChunkEncoder(schema), settings.datagram_budget);
  u64 entities = 0;
  u64 weight = 0;
  for (const SentTable& table : schema) {
    u32 bits = 0;
    for (const SentField& field : table.fields) bits += field.bits;
    const u64 capacity = world.table(table.index).capacity();
    entities += capacity;
    weight += capacity * ((bits + 7) / 8 + varint_size(capacity) + 2);
  }
  // A part that is not full in each cell for each set of teams that is common, the full
  // ones, and as many again that linger or thin out.
  const u64 full = entities / limits.entities + weight / limits.weight;
  const u64 parts = u64{grid.cell_count()} * audiences(settings.visibility);
  const u64 streams = std::min<u64>(2 * (parts + full) + 4, 2 * entities + 4);
  limits.streams = static_cast<u32>(std::min<u64>(streams, kMaxStreams));
  return limits;
}

CellEncoder::CellEncoder(const world::World& world, world::MapSize map, const EncoderSettings& settings,
                         Schema schema, const StreamLimits& limits)
    : settings_(settings),
      schema_(std::move(schema)),
      grid_(make_grid(map, settings)),
      limits_(limits),
      table_(grid_, world, schema_, limits, hiding(settings.visibility)),
      chunks_(schema_),
      key_bytes_limit_(limits.weight + chunks_.key_overhead()),
      hiding_(hiding(settings.visibility)),
      keys_(std::make_unique<StreamKeys[]>(limits.streams)),
      key_values_(std::make_unique_for_overwrite<u32[]>(limits.streams * 2 * chunks_.values_per_key())),
      key_bodies_(
          std::make_unique_for_overwrite<std::byte[]>(std::size_t{limits.streams} * key_bytes_limit_)),
      key_pending_((limits.streams + 63) / 64, 0),
      event_next_(settings.max_events, kNoEvent),
      event_first_(limits.streams, kNoEvent),
      event_count_(limits.streams, 0) {
  records_.reserve(limits.streams);
  key_records_.reserve(limits.streams);
  turns_.reserve(limits.streams);
  events_.reserve(settings.max_events);
  pending_events_.reserve(settings.max_events);
  places_.reserve(settings.expected_players);
  if (hiding_ == nullptr && settings.expected_players >= kCrowd) {
    const i64 near = settings.near_distance > 0 ? settings.near_distance : grid_.cell_size_raw() / 8;
    nearness_.emplace(map, near, settings.expected_players);
    positions_.reserve(settings.expected_players);
    calm_.reserve(settings.expected_players);
  }
  entities_.reserve(settings.expected_players);
}

std::size_t CellEncoder::frame_bytes_most() const {
  // A key frame and two deltas of every entity that there can be, heads, events
  // (twice, as the deltas repeat them), and the seats.
  std::size_t entities = 0;
  for (u32 i = 0; i < schema_.size(); ++i)
    entities += std::size_t{table_.capacity_of(i)} * (table_.weight_of(i, 1) + 1);
  const std::size_t head = sizeof(StreamRecord) + sizeof(KeyRecord) + chunks_.key_overhead() +
                           2 * (chunks_.delta_overhead() + kChunkHeadBytes);
  const std::size_t seats = std::max<std::size_t>(settings_.expected_players, 64);
  return padded(sizeof(BattleFrameHeader) + 3 * entities + limits_.streams / 2 * head +
                std::size_t{settings_.max_events} * 2 * sizeof(RecentEvent) / 2 +
                seats * (sizeof(PlayerPlace) + sizeof(RelevantStreams) + sizeof(PlayerEntity)) + 512);
}

CellEncoder::Counters CellEncoder::counters() const {
  Counters counters = counters_;
  counters.overflowed = table_.overflowed();
  return counters;
}

BattleFrameHeader CellEncoder::begin_head(const EncodeInput& input) {
  BattleFrameHeader head;
  head.battle = settings_.battle.value;
  head.tick = input.world.tick();
  head.state_hash = input.state_hash;
  head.instance = settings_.instance;
  head.columns = static_cast<u16>(grid_.columns());
  head.rows = static_cast<u16>(grid_.rows());
  head.stream_limit = static_cast<u16>(limits_.streams);
  head.key_bytes_limit = key_bytes_limit_;
  head.players = input.players;
  head.previous_tick = last_frame_tick_;
  if (input.ended) {
    head.flags |= BattleFrameHeader::kEnded;
    head.flags |= static_cast<u16>((input.end_cause & BattleFrameHeader::kEndCauseMask)
                                   << BattleFrameHeader::kEndCauseShift);
  }
  return head;
}

/// Messages and the tick's payload, which every kind of frame ends with.
void CellEncoder::put_tail(const EncodeInput& input, BattleFrameHeader& head, ByteWriter& out) {
  const std::size_t payload_room = padded(input.tick_payload.size()) + 8;
  if (input.messages != nullptr && out.ok() && out.remaining() > payload_room) {
    head.message_bytes = static_cast<u32>(
        input.messages->take(out.space().first(out.remaining() - payload_room), head.message_count));
    out.advance(head.message_bytes);
    pad_section(out);
  }
  head.tick_bytes = static_cast<u32>(input.tick_payload.size());
  out.write_bytes(input.tick_payload);
  pad_section(out);
  head.layout = table_.layout();
  head.size = static_cast<u32>(out.size());
  if (out.ok()) last_frame_tick_ = static_cast<u32>(head.tick);
}

void CellEncoder::skip(const world::World& world, std::span<const world::Event> events) {
  table_.note_hidden(world);
  keep_events(events, world.tick());
}

/// Of the tick that the table last took in: who may know of an event is settled now.
std::size_t CellEncoder::encode_without_state(const EncodeInput& input, MutableBytes bytes) {
  skip(input.world, input.events);
  ByteWriter out(bytes);
  BattleFrameHeader head = begin_head(input);
  head.flags |= BattleFrameHeader::kNoState;
  out.write_bytes(std::as_bytes(std::span(&head, 1)));
  put_tail(input, head, out);
  if (!out.ok()) return 0;
  std::memcpy(bytes.data(), &head, sizeof(head));
  return out.size();
}

std::size_t CellEncoder::encode(const EncodeInput& input, MutableBytes bytes) {
  const u32 tick = static_cast<u32>(input.world.tick());
  table_.update(input.world, tick);
  keep_events(input.events, input.world.tick());
  take_events(tick);
  list_events();

  // The tail is not to suffer from what comes before it.
  const std::size_t tail_bytes = padded(input.tick_payload.size()) + 8;
  if (bytes.size() < sizeof(BattleFrameHeader) + tail_bytes) return 0;
  const std::size_t room = bytes.size() - tail_bytes;
  ByteWriter out(bytes);
  BattleFrameHeader head = begin_head(input);
  out.write_bytes(std::as_bytes(std::span(&head, 1)));

  const bool full = full_requested_;
  full_requested_ = false;
  head.place_count = static_cast<u32>(std::min<std::size_t>(input.seats.size(), kMaxSeats));
  put_places(input, out);
  if (settings_.visibility != nullptr && settings_.visibility->most_relevant() > 0) {
    head.flags |= BattleFrameHeader::kRelevant;
    put_relevant(head.place_count, out);
  }
  head.entity_count = put_entities(input, full, out);
  if (full) head.flags |= BattleFrameHeader::kAllEntities;
  if (!out.ok() || out.size() > room) return 0;

  // Chunks, as long as there is room for them and all records.
  records_.clear();
  early_keys_left_ = 2 + table_.open_streams() / 16;
  const std::size_t records_room = table_.open_streams() * sizeof(StreamRecord) + 128;
  const std::size_t chunks_end = room > records_room ? room - records_room : 0;
  const std::size_t chunks_start = out.size();
  list_streams();
  for (std::size_t i = 0; i < turns_.size(); ++i) {
    if (i + 6 < turns_.size()) __builtin_prefetch(&keys_[turns_[i + 6].stream]);
    if (i + 2 < turns_.size()) prefetch(turns_[i + 2].stream);
    const std::size_t before = out.size();
    const std::size_t records = records_.size();
    if (!encode_stream(input.world, turns_[i].stream, turns_[i].crowd, tick, out) ||
        out.size() > chunks_end) {
      out.rewind(before);
      records_.resize(records);
      ++counters_.dropped_streams;
      continue;
    }
    if (records_.size() > records) records_.back().offset = static_cast<u32>(before - chunks_start);
  }
  last_state_tick_ = tick;
  head.chunk_bytes = static_cast<u32>(out.size() - chunks_start);
  pad_section(out);

  if (full) {
    for (const StreamRecord& record : records_)
      key_pending_[record.stream / 64] |= u64{1} << (record.stream % 64);
  }
  key_records_.clear();
  const std::size_t message_room =
      input.messages != nullptr && !input.messages->empty() ? std::min<std::size_t>(room / 8, 16384) : 0;
  head.key_bytes = put_keys(out, chunks_end - std::min(chunks_end, message_room));
  pad_section(out);

  head.stream_count = static_cast<u32>(records_.size());
  out.write_bytes(std::as_bytes(std::span(records_)));
  pad_section(out);
  head.key_count = static_cast<u32>(key_records_.size());
  out.write_bytes(std::as_bytes(std::span(key_records_)));
  pad_section(out);
  put_tail(input, head, out);
  if (!out.ok()) return 0;
  std::memcpy(bytes.data(), &head, sizeof(head));
  return out.size();
}

void CellEncoder::list_streams() {
  turns_.clear();
  for (u32 cell = 0; cell < grid_.cell_count(); ++cell) {
    const std::size_t first = turns_.size();
    for (u16 number = table_.first_of(cell); number != kNoStream; number = table_.stream(number).next) {
      turns_.push_back({number, 0});
    }
    for (std::size_t i = first; i < turns_.size(); ++i)
      turns_[i].crowd = static_cast<u16>(turns_.size() - first);
  }
}

/// Between ticks a stream's key frames leave the caches: they are asked for
/// while the streams before are encoded.
void CellEncoder::prefetch(u16 number) {
  constexpr u32 kLine = 64;
  const auto* const stream = reinterpret_cast<const char*>(&table_.stream(number));
  __builtin_prefetch(stream);
  __builtin_prefetch(stream + sizeof(Stream) - kLine);
  const StreamKeys& keys = keys_[number];
  const KeyFrame& key = keys.frames[keys.current];
  __builtin_prefetch(&key.members);
  __builtin_prefetch(&key.generations);
  __builtin_prefetch(&key.kept_key);
  __builtin_prefetch(&key.kept_now);
  __builtin_prefetch(&key.new_mask);
  const auto* const values = reinterpret_cast<const char*>(values_of(number, keys.current));
  for (u32 at = 0; at < 8 * kLine; at += kLine) __builtin_prefetch(values + at);
}

bool CellEncoder::wants_key(u16 number, const StreamKeys& keys, u32 crowd, u32 tick) {
  if (!keys.has_current) return true;
  const KeyFrame& key = keys.frames[keys.current];
  const u32 age = tick - key.tick;
  if (age < settings_.overlap_ticks) return false;
  // Streams take turns; one that hardly differs from its key frame keeps it.
  const u32 shift = u32{number} * 37;
  const bool turn =
      (tick + shift) / settings_.key_period_ticks != (last_state_tick_ + shift) / settings_.key_period_ticks;
  if (turn && (u64{keys.excess} * 16 >= u64{keys.body_size} * (4 + crowd) || age >= kKeyAgeMost)) return true;
  // A key frame that costs every viewer K bytes once pays for itself as soon as
  // the deltas' excess is above the average of all costs since the last one. K
  // counts more than its size, as far viewers see only some of the deltas, and
  // those in a crowd see few.
  const u64 cost = u64{keys.body_size} * (10 + crowd) / 4 + keys.excess;
  if (early_keys_left_ == 0 || u64{keys.last_excess} * age <= cost) return false;
  --early_keys_left_;
  return true;
}

void CellEncoder::make_key(u16 number, StreamKeys& keys, u32 tick) {
  if (keys.has_current) {
    keys.has_previous = true;
    keys.previous_until = tick + settings_.overlap_ticks;
    keys.current ^= 1;
  }
  KeyFrame& key = keys.frames[keys.current];
  const u8 last = keys.frames[keys.current ^ 1].number;
  // A new encoder goes on near where an older one would be by now.
  key.number = keys.has_current ? static_cast<u8>(last + 1)
               : keys.numbered  ? static_cast<u8>(key.number + 1)
                                : static_cast<u8>(tick / settings_.overlap_ticks);
  keys.numbered = true;
  keys.has_current = true;
  keys.fresh = true;
  key.tick = tick;
  const Bytes body = chunks_.make_key(key, values_of(number, keys.current));
  DRUM_ASSERT(body.size() <= key_bytes_limit_);
  std::memcpy(key_bodies_.get() + std::size_t{number} * key_bytes_limit_, body.data(), body.size());
  keys.body_size = static_cast<u16>(body.size());
  keys.first_delta = 0;
  keys.excess = 0;
  keys.last_excess = 0;
  key_pending_[number / 64] |= u64{1} << (number % 64);
  ++counters_.keys;
}

bool CellEncoder::encode_stream(const world::World& world, u16 number, u32 crowd, u32 tick, ByteWriter& out) {
  Stream& stream = table_.stream(number);
  StreamKeys& keys = keys_[number];
  if (stream.reopened) {
    stream.reopened = false;
    keys.has_current = false;
    keys.has_previous = false;
  }
  if (stream.count == 0 && !keys.has_current) return true;
  chunks_.load(world, stream);
  if (stream.count > 0 && wants_key(number, keys, crowd, tick)) make_key(number, keys, tick);
  if (keys.has_previous && static_cast<i32>(tick - keys.previous_until) >= 0) keys.has_previous = false;

  KeyFrame& key = keys.frames[keys.current];
  StreamRecord record{.cell = static_cast<u16>(stream.cell),
                      .hidden_from = stream.hidden_from,
                      .key_tick = key.tick,
                      .stream = number,
                      .key = key.number};
  // With the key frame in front of it a chunk must still fit a datagram.
  const std::size_t limit = settings_.datagram_budget - kFrameHeadBytes - kKeyHeadBytes - keys.body_size;
  if (key.tick != tick) {
    u32 state_size = 0;
    record.chunk_size = static_cast<u16>(
        put_chunk(number, key, values_of(number, keys.current), limit, tick, out, state_size));
    if (keys.fresh) keys.first_delta = state_size;
    keys.fresh = false;
    keys.last_excess = state_size - std::min(state_size, keys.first_delta);
    keys.excess += keys.last_excess;
  }
  if (keys.has_previous) {
    KeyFrame& previous = keys.frames[keys.current ^ 1];
    u32 state_size = 0;
    record.previous_key = previous.number;
    record.previous_size = static_cast<u16>(
        put_chunk(number, previous, values_of(number, keys.current ^ 1U), limit, tick, out, state_size));
  }
  records_.push_back(record);
  return out.ok();
}

std::size_t CellEncoder::put_chunk(u16 number, KeyFrame& key, const u32* values, std::size_t limit, u32 tick,
                                   ByteWriter& out, u32& state_size) {
  const MutableBytes body = chunks_.delta(key, values);
  state_size = static_cast<u32>(body.size());
  std::size_t size = body.size();
  if (event_first_[number] != kNoEvent) {
    const std::size_t room = limit - std::min(limit, size + kChunkHeadBytes);
    size += put_events(number, body.data() + size, std::min(room, ChunkEncoder::kEventRoom), tick);
  }
  DRUM_ASSERT(size + kChunkHeadBytes <= limit);
  const std::size_t before = out.size();
  std::byte head[kChunkHeadBytes + 16];
  std::byte* end = put_varint(head, number);
  *end++ = std::byte{0};
  *end++ = static_cast<std::byte>(key.number);
  end = put_varint(end, size);
  out.write_bytes({head, static_cast<std::size_t>(end - head)});
  out.write_bytes({body.data(), size});
  ++counters_.chunks;
  counters_.chunk_bytes += out.size() - before;
  return out.size() - before;
}

// --- events ----------------------------------------------------------------

/// The cell's first stream that is for the same teams, or else one that is for some of
/// them and for nobody else: that of who has to do with it, or any in the cell.
u32 CellEncoder::put_keys(ByteWriter& out, std::size_t end) {
  const std::size_t start = out.size();
  const auto words = static_cast<u32>(key_pending_.size());
  bool fits = true;
  for (u32 i = 0; i < words && fits; ++i) {
    const u32 word = (key_cursor_ + i) % words;
    for (u64 bits = key_pending_[word]; bits != 0 && fits; bits &= bits - 1) {
      const u16 number = static_cast<u16>(word * 64 + static_cast<u32>(std::countr_zero(bits)));
      const StreamKeys& keys = keys_[number];
      const u64 bit = u64{1} << (number % 64);
      if (!table_.stream(number).open || !keys.has_current) {
        key_pending_[word] &= ~bit;
        continue;
      }
      if (out.size() + keys.body_size + (key_records_.size() + 1) * sizeof(KeyRecord) > end) {
        // The next frame goes on here.
        key_cursor_ = word;
        fits = false;
        break;
      }
      const KeyFrame& key = keys.frames[keys.current];
      key_records_.push_back({.tick = key.tick,
                              .offset = static_cast<u32>(out.size() - start),
                              .stream = number,
                              .size = keys.body_size,
                              .key = key.number});
      out.write_bytes({key_bodies_.get() + std::size_t{number} * key_bytes_limit_, keys.body_size});
      key_pending_[word] &= ~bit;
    }
  }
  return static_cast<u32>(out.size() - start);
}

}  // namespace drumline::broadcast
