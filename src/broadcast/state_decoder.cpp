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
constexpr std::size_t kLeastIndex = 64;
constexpr std::size_t kMaxEventsKept = 1024;
constexpr std::size_t kSeenEvents = 256;

bool newer(u32 tick, u32 than) {
  return static_cast<i32>(tick - than) > 0;
}

u32 mix(u64 value) {
  return static_cast<u32>((value * 0x9E37'79B9'7F4A'7C15U) >> 32);
}

}  // namespace

StateDecoder::StateDecoder(Schema schema, const DecoderLimits& limits)
    : StateDecoder(std::make_shared<BodyStore>(std::move(schema)), BattleId{}, limits) {}

StateDecoder::StateDecoder(std::shared_ptr<BodyStore> store, BattleId battle, const DecoderLimits& limits)
    : store_(std::move(store)), index_(kLeastIndex, 0), battle_(battle), limits_(limits) {
  limits_.streams = std::clamp<u32>(limits_.streams, 1, 0xFFFE);
}

StateDecoder::~StateDecoder() {
  reset();
}

void StateDecoder::reset() {
  for (Stream& stream : streams_) {
    if (stream.number != kUnused) forget(stream);
  }
  streams_.clear();
  free_.clear();
  std::fill(index_.begin(), index_.end(), 0);
  has_tick_ = false;
  tick_ = 0;
  swept_ = 0;
  last_sequence_ = 0;
  players_ = 0;
  first_stream_ = kUnused;
  told_count_ = 0;
  acks_.clear();
  new_acks_ = 0;
  events_.clear();
  seen_.clear();
  seen_next_ = 0;
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
    first_stream_ = kUnused;
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
    prefetch(std::span(chunks).first(count), tick);
    for (std::size_t i = 0; i < count; ++i) {
      const Chunk& chunk = chunks[i];
      ++counters_.chunks;
      Stream* stream = nullptr;
      if (chunk.is_key) {
        stream = &stream_for(chunk);
        if (!take_key(*stream, chunk, tick)) good = false;
        any = true;
      } else if ((stream = find_stream(chunk)) != nullptr) {
        if (!take_delta(*stream, chunk, tick)) good = false;
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

bool StateDecoder::take_key(Stream& stream, const Chunk& chunk, u32 frame_tick) {
  BodyStore& store = *store_;
  const u32 key_tick = frame_tick - chunk.age;
  if (newer(frame_tick, stream.heard)) stream.heard = frame_tick;
  u32 place = 2;
  for (u32 i = 0; i < 2; ++i) {
    if (stream.keys[i] != BodyStore::kNone && stream.key_numbers[i] == chunk.key) place = i;
  }
  if (place < 2 && store.tick(stream.keys[place]) == key_tick) {
    // The server did not hear of it: say it again.
    note_ack((stream.number << 8) | chunk.key);
  } else {
    const BodyStore::Ref* const keys = stream.keys;
    if (place == 2) {
      if (keys[0] == BodyStore::kNone)
        place = 0;
      else if (keys[1] == BodyStore::kNone)
        place = 1;
      else
        place = newer(store.tick(keys[0]), store.tick(keys[1])) ? 1 : 0;
    }
    // When late: there are newer ones.
    if (keys[place] != BodyStore::kNone && newer(store.tick(keys[place]), key_tick)) return true;
    const BodyStore::Ref key = store.hold_key(battle_, stream.number, chunk.key, key_tick, chunk.body);
    if (key == BodyStore::kNone) return false;
    store.release(stream.keys[place]);
    stream.keys[place] = key;
    stream.key_numbers[place] = chunk.key;
    ++counters_.keys;
    note_ack((stream.number << 8) | chunk.key);
  }
  const bool is_newest = stream.now == BodyStore::kNone || newer(frame_tick, store.tick(stream.now));
  // Made in this very tick: it is the state.
  if (key_tick == frame_tick && is_newest) put_state(stream, store.hold_again(stream.keys[place]));
  return true;
}

bool StateDecoder::take_delta(Stream& stream, const Chunk& chunk, u32 frame_tick) {
  BodyStore& store = *store_;
  const BodyStore::Ref key = key_of(stream, chunk.key);
  if (key == BodyStore::kNone || newer(store.tick(key), frame_tick)) {
    ++counters_.unusable_chunks;
    return true;
  }
  if (newer(frame_tick, stream.heard)) stream.heard = frame_tick;
  if (stream.now != BodyStore::kNone && !newer(frame_tick, store.tick(stream.now))) return true;
  const BodyStore::Ref chunk_state = store.hold_chunk(key, frame_tick, chunk.body);
  if (chunk_state == BodyStore::kNone) return false;
  put_state(stream, chunk_state);
  if (limits_.events) take_events(stream.number, store.events(stream.now));
  return true;
}

void StateDecoder::put_state(Stream& stream, BodyStore::Ref state) {
  store_->release(stream.now);
  stream.now = state;
}

void StateDecoder::take_events(u32 stream, const std::vector<ToldEvent>& events) {
  for (const ToldEvent& told : events) {
    const auto same = [&](const SeenEvent& seen) {
      return seen.tick == told.event.tick && seen.stream == stream && seen.number == told.number;
    };
    if (std::ranges::any_of(seen_, same)) continue;
    if (seen_.size() < kSeenEvents) seen_.emplace_back();
    seen_[seen_next_] = {told.event.tick, stream, told.number};
    seen_next_ = (seen_next_ + 1) % kSeenEvents;
    if (events_.size() < kMaxEventsKept) events_.push_back(told.event);
  }
}

// --- streams ----------------------------------------------------------------

void StateDecoder::prefetch_index(u32 number) const {
  __builtin_prefetch(&index_[mix(number) & (static_cast<u32>(index_.size()) - 1)]);
}

/// Step by step, each for all chunks: what one step finds says where the next one looks.
void StateDecoder::prefetch(std::span<Chunk> chunks, u32 tick) const {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  for (Chunk& chunk : chunks) {
    chunk.place = kUnused;
    for (u32 at = mix(chunk.number) & mask; index_[at] != 0; at = (at + 1) & mask) {
      if ((index_[at] >> 16) != (chunk.number & 0xFFFF)) continue;
      chunk.place = (index_[at] & 0xFFFF) - 1;
      __builtin_prefetch(&streams_[chunk.place].number);
      __builtin_prefetch(&streams_[chunk.place].key_numbers);  // it may be on the next line
      break;
    }
  }
  for (Chunk& chunk : chunks) {
    chunk.base = BodyStore::kNone;
    if (chunk.place == kUnused) continue;
    const Stream& stream = streams_[chunk.place];
    chunk.base = key_of(stream, chunk.key);
    store_->prefetch(chunk.base);
    store_->prefetch(stream.now);
  }
  for (const Chunk& chunk : chunks) store_->prefetch_chunk(chunk.base, tick);
}

/// kNone when the client does not hold it.
BodyStore::Ref StateDecoder::key_of(const Stream& stream, u8 number) const {
  if (stream.keys[0] != BodyStore::kNone && stream.key_numbers[0] == number) return stream.keys[0];
  return stream.key_numbers[1] == number ? stream.keys[1] : BodyStore::kNone;
}

StateDecoder::Stream* StateDecoder::find_stream(const Chunk& chunk) {
  if (chunk.place < streams_.size() && streams_[chunk.place].number == chunk.number)
    return &streams_[chunk.place];
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  for (u32 at = mix(chunk.number) & mask; index_[at] != 0; at = (at + 1) & mask) {
    if ((index_[at] >> 16) != (chunk.number & 0xFFFF)) continue;
    Stream& stream = streams_[(index_[at] & 0xFFFF) - 1];
    if (stream.number == chunk.number) return &stream;
  }
  return nullptr;
}

void StateDecoder::put_index(u32 number, u32 place) {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  u32 at = mix(number) & mask;
  while (index_[at] != 0) at = (at + 1) & mask;
  index_[at] = ((number & 0xFFFF) << 16) | (place + 1);
}

StateDecoder::Stream& StateDecoder::stream_for(const Chunk& chunk) {
  if (Stream* const known = find_stream(chunk)) return *known;
  const u32 number = chunk.number;
  if (free_.empty() && streams_.size() >= limits_.streams) {
    // The one that was not heard of the longest makes room.
    u32 oldest = 0;
    for (u32 i = 1; i < streams_.size(); ++i) {
      if (newer(streams_[oldest].heard, streams_[i].heard)) oldest = i;
    }
    forget(streams_[oldest]);
    rebuild_index(index_.size());
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
  stream.heard = tick_;
  if (streams_.size() * 2 > index_.size())
    rebuild_index(index_.size() * 2);
  else
    put_index(number, place);
  return stream;
}

void StateDecoder::forget(Stream& stream) {
  store_->release(stream.now);
  for (const BodyStore::Ref key : stream.keys) store_->release(key);
  stream = Stream{};
  free_.push_back(static_cast<u32>(&stream - streams_.data()));
}

void StateDecoder::rebuild_index(std::size_t size) {
  index_.assign(size, 0);
  for (u32 i = 0; i < streams_.size(); ++i) {
    if (streams_[i].number != kUnused) put_index(streams_[i].number, i);
  }
}

void StateDecoder::sweep() {
  swept_ = tick_;
  bool forgotten = false;
  for (Stream& stream : streams_) {
    if (stream.number == kUnused) continue;
    if (tick_ - stream.heard > limits_.forget_keys_ticks) {
      forget(stream);
      forgotten = true;
    } else if (!visible(stream)) {
      put_state(stream, BodyStore::kNone);
    }
  }
  if (forgotten) rebuild_index(index_.size());
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
  std::rotate(acks_.begin(), acks_.begin() + static_cast<std::ptrdiff_t>(count), acks_.end());
  std::erase_if(acks_, [](const Ack& ack) { return ack.left == 0; });
  return count;
}

// --- entities ------------------------------------------------------------------

StateDecoder::Entity StateDecoder::entity_at(u32 stream, u32 place) const {
  const BodyStore::Ref state = streams_[stream].now;
  const Columns& now = store_->columns(state);
  Entity entity;
  for (const Section& section : now.sections) {
    if (place < section.first || place >= section.first + section.count) continue;
    entity.section_ = &section;
    entity.values_ = now.values.data() + section.values;
    entity.place_ = place - section.first;
  }
  entity.slot_ = now.slots[place];
  entity.generation_ = now.generations[place];
  entity.tick_ = store_->tick(state);
  return entity;
}

bool StateDecoder::find_in(u32 stream, EntityId id, Entity& out) const {
  if (!visible(streams_[stream])) return false;
  const Columns& now = store_->columns(streams_[stream].now);
  for (const Section& section : now.sections) {
    if (section.table->index != entity_table(id)) continue;
    for (u32 i = section.first; i < section.first + section.count; ++i) {
      if (now.slots[i] != entity_slot(id) || now.generations[i] != entity_generation(id)) continue;
      out = entity_at(stream, i);
      return true;
    }
  }
  return false;
}

bool StateDecoder::find(EntityId id, Entity& out) const {
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
  for (const Stream& stream : streams_) {
    if (visible(stream)) total += store_->columns(stream.now).slots.size();
  }
  known_.assign(std::bit_ceil(total * 2 + 1), Known{});
  const u32 mask = static_cast<u32>(known_.size()) - 1;
  for (u32 s = 0; s < streams_.size(); ++s) {
    if (!visible(streams_[s])) continue;
    const u32 tick = store_->tick(streams_[s].now);
    const Columns& now = store_->columns(streams_[s].now);
    for (const Section& section : now.sections) {
      for (u32 i = section.first; i < section.first + section.count; ++i) {
        const u64 id = make_entity_id(section.table->index, now.generations[i], now.slots[i]).value;
        u32 at = mix(id) & mask;
        while (known_[at].id != 0 && known_[at].id != id) at = (at + 1) & mask;
        // Told of in two streams it is where the newer tick says.
        if (known_[at].id == 0 || newer(tick, store_->tick(streams_[known_[at].stream].now)))
          known_[at] = {id, s, i};
      }
    }
  }
}

std::size_t StateDecoder::memory_bytes() const {
  return sizeof(*this) + index_.capacity() * sizeof(u32) + streams_.capacity() * sizeof(Stream) +
         free_.capacity() * sizeof(u32) + acks_.capacity() * sizeof(Ack) +
         seen_.capacity() * sizeof(SeenEvent) + known_.capacity() * sizeof(Known) +
         events_.capacity() * sizeof(StateEvent);
}

}  // namespace drumline::broadcast
