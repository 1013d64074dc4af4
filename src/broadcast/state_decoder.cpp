#include "broadcast/state_decoder.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "broadcast/state_frame.hpp"

namespace drumline::broadcast {
namespace {

constexpr std::size_t kMaxDatagramBytes = 16'384;
constexpr u32 kMaxStreamNumber = 1U << 24;
constexpr std::size_t kMaxAcks = 512;
constexpr u8 kAckSends = 3;
constexpr u32 kSweepTicks = 32;

bool newer(u32 tick, u32 than) {
  return static_cast<i32>(tick - than) > 0;
}

u32 mix(u64 value) {
  return static_cast<u32>((value * 0x9E37'79B9'7F4A'7C15U) >> 32);
}

}  // namespace

StateDecoder::StateDecoder(Schema schema, const DecoderLimits& limits)
    : schema_(std::move(schema)), limits_(limits) {
  limits_.streams = std::clamp<u32>(limits_.streams, 1, 0xFFFE);
  for (const SentTable& each : schema_) {
    DRUM_ASSERT(each.index < by_index_.size() && each.fields.size() <= kMaxSentFields);
    by_index_[each.index] = &each;
  }
  index_.assign(std::bit_ceil(limits_.streams * 2), 0);
}

void StateDecoder::reset() {
  streams_.clear();
  free_.clear();
  std::fill(index_.begin(), index_.end(), 0);
  has_tick_ = false;
  tick_ = 0;
  swept_ = 0;
  last_sequence_ = 0;
  players_ = 0;
  first_stream_ = 0xFFFF'FFFF;
  told_count_ = 0;
  acks_.clear();
  new_acks_ = 0;
  events_.clear();
  seen_ = {};
  known_.clear();
}

StateDecoder::Status StateDecoder::apply(Bytes datagram) {
  ++counters_.datagrams;
  const std::size_t received_bytes = datagram.size();
  datagram = without_padding(datagram);
  ByteReader in(datagram);
  const auto kind = in.read<u8>();
  in.read<u8>();
  const auto tick = in.read<u32>();
  const auto sequence = in.read<u32>();
  const auto players = in.read<u16>();
  if (!in.ok() || kind != static_cast<u8>(kStateFrameKind) || received_bytes > kMaxDatagramBytes) {
    ++counters_.malformed;
    return Status::malformed;
  }
  const bool newest = !has_tick_ || newer(tick, tick_);
  if (newest) {
    has_tick_ = true;
    tick_ = tick;
    last_sequence_ = sequence;
    players_ = players;
    first_stream_ = 0xFFFF'FFFF;
    told_count_ = 0;
    if (tick_ - swept_ >= kSweepTicks) sweep();
  }
  bool first = newest;
  bool any = newest;
  bool good = true;
  // Heads first, some at a time: what the chunks are about is then fetched from
  // memory all at once instead of one after the other.
  std::array<Chunk, 32> chunks;
  while (good && !in.at_end()) {
    std::size_t count = 0;
    while (count < chunks.size() && !in.at_end()) {
      if (!read_chunk(in, chunks[count])) {
        good = false;
        break;
      }
      prefetch_index(chunks[count++].number);
    }
    for (std::size_t i = 0; i < count; ++i) prefetch(chunks[i].number);
    for (std::size_t i = 0; i < count; ++i) {
      const Chunk& chunk = chunks[i];
      ++counters_.chunks;
      Stream* stream = nullptr;
      if (chunk.is_key) {
        stream = &stream_for(chunk.number);
        if (!take_key(*stream, chunk.key, tick - chunk.age, tick, chunk.body)) good = false;
        any = true;
      } else if ((stream = find_stream(chunk.number)) != nullptr) {
        if (!take_delta(*stream, chunk.key, tick, chunk.body)) good = false;
      } else {
        ++counters_.unusable_chunks;
      }
      if (first && stream != nullptr) first_stream_ = static_cast<u32>(stream - streams_.data());
      first = false;
      if (newest && stream != nullptr && told_count_ < told_.size())
        told_[told_count_++] = static_cast<u16>(stream - streams_.data());
      if (!good) break;
    }
  }
  if (!good) {
    ++counters_.malformed;
    return Status::malformed;
  }
  return any ? Status::applied : Status::old;
}

bool StateDecoder::read_chunk(ByteReader& in, Chunk& chunk) {
  const u64 number = in.read_varint();
  const auto type = in.read<u8>();
  chunk.key = in.read<u8>();
  const u64 age = type == 1 ? in.read_varint() : 0;
  chunk.body = in.read_bytes(in.read_varint());
  if (!in.ok() || number >= kMaxStreamNumber || type > 1 || age > 0xFFFF'FFFF) return false;
  chunk.number = static_cast<u32>(number);
  chunk.age = static_cast<u32>(age);
  chunk.is_key = type == 1;
  return true;
}

bool StateDecoder::take_key(Stream& stream, u8 number, u32 key_tick, u32 frame_tick, Bytes body) {
  if (newer(frame_tick, stream.heard)) stream.heard = frame_tick;
  u32 place = 2;
  for (u32 i = 0; i < 2; ++i) {
    if (stream.keys[i].held && stream.keys[i].number == number) place = i;
  }
  if (place < 2 && stream.keys[place].tick == key_tick) {
    // The server did not hear of it: say it again.
    note_ack((stream.number << 8) | number);
  } else {
    if (place == 2) {
      if (!stream.keys[0].held)
        place = 0;
      else if (!stream.keys[1].held)
        place = 1;
      else
        place = newer(stream.keys[0].tick, stream.keys[1].tick) ? 1 : 0;
    }
    Key& key = stream.keys[place];
    if (key.held && newer(key.tick, key_tick)) return true;  // late: there are newer ones
    if (!parse_key(body, scratch_)) return false;
    // What waits to be decoded against the old one is decoded now; if it cannot be, it is lost alone.
    if (stream.has_state && !stream.decoded && stream.base == place) decode(stream);
    std::swap(stream.key_columns[place], scratch_);
    key.number = number;
    key.tick = key_tick;
    key.held = true;
    ++counters_.keys;
    note_ack((stream.number << 8) | number);
  }
  if (key_tick == frame_tick && (!stream.has_state || newer(frame_tick, stream.tick))) {
    // Made in this very tick: it is the state.
    stream.tick = frame_tick;
    stream.has_state = true;
    stream.from_key = true;
    stream.decoded = false;
    stream.base = static_cast<u8>(place);
    if (limits_.eager) return decode(stream);
  }
  return true;
}

bool StateDecoder::take_delta(Stream& stream, u8 number, u32 frame_tick, Bytes body) {
  u32 place = 2;
  for (u32 i = 0; i < 2; ++i) {
    const Key& key = stream.keys[i];
    if (key.held && key.number == number && !newer(key.tick, frame_tick)) place = i;
  }
  if (place == 2) {
    ++counters_.unusable_chunks;
    return true;
  }
  if (newer(frame_tick, stream.heard)) stream.heard = frame_tick;
  if (stream.has_state && !newer(frame_tick, stream.tick)) return true;
  if (limits_.eager) {
    if (!parse_delta(stream.key_columns[place], body, frame_tick, stream.number, scratch_)) return false;
    std::swap(stream.now, scratch_);
  } else {
    stream.pending.assign(body);
  }
  stream.decoded = limits_.eager;
  stream.base = static_cast<u8>(place);
  stream.from_key = false;
  stream.has_state = true;
  stream.tick = frame_tick;
  return true;
}

bool StateDecoder::decode(Stream& stream) {
  if (stream.decoded) return true;
  const Columns& key = stream.key_columns[stream.base];
  if (stream.from_key) {
    stream.now = key;
    stream.decoded = true;
    return true;
  }
  Columns& now = stream.now;
  if (!parse_delta(key, stream.pending.bytes(), stream.tick, stream.number, now)) {
    now.clear();
    stream.has_state = false;
    ++counters_.malformed;
    return false;
  }
  stream.decoded = true;
  return true;
}

// --- streams ----------------------------------------------------------------

void StateDecoder::prefetch_index(u32 number) const {
  __builtin_prefetch(&index_[mix(number) & (static_cast<u32>(index_.size()) - 1)]);
}

void StateDecoder::prefetch(u32 number) const {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  for (u32 at = mix(number) & mask; index_[at] != 0; at = (at + 1) & mask) {
    if ((index_[at] >> 16) != (number & 0xFFFF)) continue;
    const auto* const stream = reinterpret_cast<const char*>(&streams_[(index_[at] & 0xFFFF) - 1]);
    __builtin_prefetch(stream);
    __builtin_prefetch(stream + 64);
    __builtin_prefetch(stream + 128);
    return;
  }
}

// What decoding the first told streams reads: one of many clients finds none of
// it in the caches, and fetching it bit by bit would take most of the time.
void StateDecoder::prefetch_told() const {
  const std::size_t count = std::min<std::size_t>(told_count_, 12);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* const stream = reinterpret_cast<const char*>(&streams_[told_[i]]);
    for (std::size_t at = 0; at < sizeof(Stream); at += 64) __builtin_prefetch(stream + at);
  }
  const auto fetch = [](const auto& of, std::size_t most) {
    const auto* const data = reinterpret_cast<const char*>(of.data());
    const std::size_t bytes = std::min(of.size() * sizeof(of[0]), most);
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(data + at);
  };
  for (std::size_t i = 0; i < count; ++i) {
    const Stream& stream = streams_[told_[i]];
    const Columns& key = stream.key_columns[stream.base];
    fetch(key.sections, 64);
    fetch(key.slots, 64);
    fetch(key.generations, 64);
    fetch(key.values, 512);
    fetch(stream.now.sections, 64);
    fetch(stream.now.slots, 64);
    fetch(stream.now.generations, 64);
    fetch(stream.now.values, 512);
  }
}

StateDecoder::Stream* StateDecoder::find_stream(u32 number) {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  for (u32 at = mix(number) & mask; index_[at] != 0; at = (at + 1) & mask) {
    if ((index_[at] >> 16) != (number & 0xFFFF)) continue;
    Stream& stream = streams_[(index_[at] & 0xFFFF) - 1];
    if (stream.number == number) return &stream;
  }
  return nullptr;
}

void StateDecoder::put_index(u32 number, u32 place) {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  u32 at = mix(number) & mask;
  while (index_[at] != 0) at = (at + 1) & mask;
  index_[at] = ((number & 0xFFFF) << 16) | (place + 1);
}

StateDecoder::Stream& StateDecoder::stream_for(u32 number) {
  if (Stream* const known = find_stream(number)) return *known;
  if (free_.empty() && streams_.size() >= limits_.streams) {
    // The one that was not heard of the longest makes room.
    u32 oldest = 0;
    for (u32 i = 1; i < streams_.size(); ++i) {
      if (newer(streams_[oldest].heard, streams_[i].heard)) oldest = i;
    }
    forget(streams_[oldest]);
    rebuild_index();
    ++counters_.evicted_streams;
  }
  u32 place = 0;
  if (!free_.empty()) {
    place = free_.back();
    free_.pop_back();
  } else {
    place = static_cast<u32>(streams_.size());
    streams_.emplace_back();
  }
  Stream& stream = streams_[place];
  stream.number = number;
  stream.used = true;
  stream.heard = tick_;
  put_index(number, place);
  return stream;
}

void StateDecoder::forget(Stream& stream) {
  stream = Stream{};
  free_.push_back(static_cast<u32>(&stream - streams_.data()));
}

void StateDecoder::rebuild_index() {
  std::fill(index_.begin(), index_.end(), 0);
  for (u32 i = 0; i < streams_.size(); ++i) {
    if (streams_[i].used) put_index(streams_[i].number, i);
  }
}

void StateDecoder::sweep() {
  swept_ = tick_;
  bool forgotten = false;
  for (Stream& stream : streams_) {
    if (!stream.used) continue;
    if (tick_ - stream.heard > limits_.forget_keys_ticks) {
      forget(stream);
      forgotten = true;
    } else if (stream.has_state && tick_ - stream.tick > limits_.forget_entities_ticks) {
      stream.has_state = false;
      stream.now = {};
      stream.pending.free();
    }
  }
  if (forgotten) rebuild_index();
}

// --- acknowledgements --------------------------------------------------------

void StateDecoder::note_ack(u32 value) {
  const auto known = std::ranges::find(acks_, value, &Ack::value);
  if (known != acks_.end()) {
    if (known->left == kAckSends) return;
    acks_.erase(known);
  }
  if (new_acks_ == kMaxAcks) return;
  if (acks_.size() == kMaxAcks) acks_.pop_back();
  acks_.insert(acks_.begin() + new_acks_, {value, kAckSends});
  ++new_acks_;
}

std::size_t StateDecoder::take_acks(std::span<u32> out) {
  const std::size_t count = std::min(out.size(), acks_.size());
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = acks_[i].value;
    --acks_[i].left;
  }
  new_acks_ -= std::min(new_acks_, static_cast<u32>(count));
  // Those that were just taken come after all others.
  std::ranges::rotate(acks_, acks_.begin() + static_cast<std::ptrdiff_t>(count));
  std::erase_if(acks_, [](const Ack& ack) { return ack.left == 0; });
  return count;
}

// --- entities ------------------------------------------------------------------

StateDecoder::Entity StateDecoder::entity_at(u32 stream, u32 place) const {
  const Stream& of = streams_[stream];
  Entity entity;
  for (const Section& section : of.now.sections) {
    if (place < section.first || place >= section.first + section.count) continue;
    entity.section_ = &section;
    entity.values_ = of.now.values.data() + section.values;
    entity.place_ = place - section.first;
  }
  entity.slot_ = of.now.slots[place];
  entity.generation_ = of.now.generations[place];
  entity.tick_ = of.tick;
  return entity;
}

bool StateDecoder::find_in(u32 stream, EntityId id, Entity& out) {
  Stream& of = streams_[stream];
  if (!visible(of) || !decode(of)) return false;
  for (const Section& section : of.now.sections) {
    if (section.table->index != entity_table(id)) continue;
    for (u32 i = section.first; i < section.first + section.count; ++i) {
      if (of.now.slots[i] != entity_slot(id) || of.now.generations[i] != entity_generation(id)) continue;
      out = entity_at(stream, i);
      return true;
    }
  }
  return false;
}

bool StateDecoder::find(EntityId id, Entity& out) {
  if (id.value == 0) return false;
  if (first_stream_ < streams_.size() && find_in(first_stream_, id, out)) return true;
  bool found = false;
  Entity candidate;
  for (u32 i = 0; i < streams_.size(); ++i) {
    if (!find_in(i, id, candidate)) continue;
    if (!found || newer(candidate.tick_, out.tick_)) out = candidate;
    found = true;
  }
  return found;
}

void StateDecoder::collect() {
  std::size_t total = 0;
  for (Stream& stream : streams_) {
    if (visible(stream) && decode(stream)) total += stream.now.slots.size();
  }
  known_.assign(std::bit_ceil(total * 2 + 1), Known{});
  const u32 mask = static_cast<u32>(known_.size()) - 1;
  for (u32 s = 0; s < streams_.size(); ++s) {
    Stream& stream = streams_[s];
    if (!visible(stream)) continue;
    for (const Section& section : stream.now.sections) {
      for (u32 i = section.first; i < section.first + section.count; ++i) {
        if (stream.now.generations[i] == 0) continue;  // is elsewhere by now
        const u64 id =
            make_entity_id(section.table->index, stream.now.generations[i], stream.now.slots[i]).value;
        u32 at = mix(id) & mask;
        while (known_[at].id != 0 && known_[at].id != id) at = (at + 1) & mask;
        Known& known = known_[at];
        if (known.id == id) {
          Stream& other = streams_[known.stream];
          if (!newer(stream.tick, other.tick)) {
            stream.now.generations[i] = 0;
            continue;
          }
          other.now.generations[known.place] = 0;
        }
        known = {id, s, i};
      }
    }
  }
}

std::size_t StateDecoder::memory_bytes() const {
  const auto columns = [](const Columns& of) {
    return of.sections.capacity() * sizeof(Section) +
           (of.slots.capacity() + of.generations.capacity() + of.values.capacity()) * sizeof(u32);
  };
  std::size_t bytes = sizeof(*this) + index_.capacity() * sizeof(u32) + known_.capacity() * sizeof(Known) +
                      events_.capacity() * sizeof(StateEvent) + columns(scratch_) +
                      streams_.capacity() * sizeof(Stream);
  for (const Stream& stream : streams_) {
    bytes += columns(stream.key_columns[0]) + columns(stream.key_columns[1]) + columns(stream.now) +
             stream.pending.memory_bytes();
  }
  return bytes;
}

}  // namespace drumline::broadcast
