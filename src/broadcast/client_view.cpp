#include "broadcast/client_view.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "broadcast/bits.hpp"

namespace drumline::broadcast {
namespace {

constexpr u32 kMaxEntries = 4096;  // a spectator's
constexpr u32 kBuckets = 14;       // of lateness, by its logarithm
constexpr u16 kLatest = 0x2000;    // lateness is kept from wrapping round
constexpr u32 kMaxMisses = 6;      // chunks that did not fit before a datagram counts as full
constexpr u16 kForgetTicks = 512;  // half of what a client keeps an unused key frame for
constexpr u32 kKeyHeadBytes = 16;  // varints of stream and age, type, key, length
constexpr u32 kRebuildMask = 3;    // a changed layout is looked at every fourth tick

bool reached(u16 tick, u16 now) {
  return static_cast<i16>(now - tick) >= 0;
}

}  // namespace

InterestSettings lower_tiers(InterestSettings settings) {
  settings.every_fourth = settings.every_second;
  settings.every_second = settings.every_tick;
  settings.every_tick = 0;
  return settings;
}

InterestSettings smaller_interest(InterestSettings settings, u32 percent) {
  constexpr u32 kNeighbours = 6;  // a diagonal one's distance
  settings.radius = std::max(settings.radius * percent / 100, std::min(settings.radius, kNeighbours));
  settings.max_streams = std::max<u32>(1, settings.max_streams * percent / 100);
  return settings;
}

InterestPlan::InterestPlan(const InterestSettings& settings) : settings_(settings) {
  settings_.max_streams = std::clamp<u32>(settings_.max_streams, 1, 255);
  settings_.radius = std::min<u32>(settings_.radius, 200);
  const i32 reach = static_cast<i32>(settings_.radius / 4) + 1;
  struct Ranked {
    i32 distance;  // squared, in quarters of a cell
    Offset offset;
  };
  std::vector<Ranked> ranked;
  for (i32 row = -reach; row <= reach; ++row) {
    for (i32 column = -reach; column <= reach; ++column) {
      const i32 distance = 16 * (row * row + column * column);
      const auto within = [&](u32 limit) { return distance <= static_cast<i32>(limit * limit); };
      if (!within(settings_.radius)) continue;
      const u32 tier = within(settings_.every_tick)     ? 0U
                       : within(settings_.every_second) ? 1U
                       : within(settings_.every_fourth) ? 2U
                                                        : 3U;
      ranked.push_back({distance, {static_cast<i16>(column), static_cast<i16>(row), static_cast<u8>(tier)}});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.distance < b.distance; });
  for (const Ranked& each : ranked) offsets_.push_back(each.offset);
}

ClientView::ClientView(const InterestPlan& plan, PlayerSlot player) : plan_(&plan), player_(player) {
  if (player != kNoPlayer) entries_.reserve(plan.settings().max_streams);
}

void ClientView::reset() {
  entries_.clear();
  built_ = false;
}

void ClientView::adopt(const CellCache& cache) {
  if (adopted_ && instance_ == cache.instance()) return;
  reset();
  adopted_ = true;
  instance_ = cache.instance();
  cell_ = (cache.rows() / 2) * cache.columns() + cache.columns() / 2;
  if (player_ == kNoPlayer) entries_.reserve(std::min(cache.stream_limit(), kMaxEntries));
}

u32 ClientView::focus_cell(const CellCache& cache, const PlayerPlace& place) const {
  if (place.stream != kNoStream && cache.live(cache.stream(place.stream)))
    return cache.stream(place.stream).cell;
  // Without an entity he looks at where he last was.
  if (place.x == 0 && place.y == 0) return cell_;
  return ((u32{place.y} * cache.rows()) >> 16) * cache.columns() + ((u32{place.x} * cache.columns()) >> 16);
}

void ClientView::rebuild(const CellCache& cache, u32 cell, u16 own_stream) {
  // Old entries are found again by a small hash table of their places.
  constexpr u32 kTable = 512;
  std::array<Entry, 256> old_storage;
  std::vector<Entry> old_many;  // a spectator's
  std::span<Entry> old(old_storage.data(), std::min<std::size_t>(entries_.size(), old_storage.size()));
  std::array<u8, kTable> table{};
  const bool spectator = player_ == kNoPlayer;
  const u16 now = static_cast<u16>(cache.tick());
  if (spectator) {
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.stream < b.stream; });
    old_many = entries_;
    old = old_many;
  } else {
    std::copy(entries_.begin(), entries_.end(), old.begin());
    for (std::size_t i = 0; i < old.size(); ++i) {
      u32 place = old[i].stream % kTable;
      while (table[place] != 0) place = (place + 1) % kTable;
      table[place] = static_cast<u8>(i + 1);
    }
  }
  const auto find_old = [&](u16 stream) -> const Entry* {
    if (spectator) {
      const auto it = std::lower_bound(old.begin(), old.end(), stream,
                                       [](const Entry& entry, u16 number) { return entry.stream < number; });
      return it != old.end() && it->stream == stream ? &*it : nullptr;
    }
    for (u32 place = stream % kTable; table[place] != 0; place = (place + 1) % kTable) {
      if (old[table[place] - 1].stream == stream) return &old[table[place] - 1];
    }
    return nullptr;
  };
  const u32 limit = spectator ? kMaxEntries : plan_->settings().max_streams;
  entries_.clear();
  const auto add = [&](u16 stream, u8 tier) {
    Entry entry;
    if (const Entry* known = find_old(stream)) {
      entry = *known;
      // What came nearer is due sooner.
      const u16 latest = static_cast<u16>(now + (1U << tier));
      if (!reached(entry.due, latest)) entry.due = latest;
    } else {
      entry.stream = stream;
      entry.due = now;
      entry.key_due = now;
    }
    entry.tier = tier;
    entries_.push_back(entry);
  };
  if (spectator) {
    for (const StreamRecord& record : cache.records()) {
      if (entries_.size() == limit) break;
      add(record.stream, 0);
    }
  } else {
    if (own_stream != kNoStream) add(own_stream, 0);
    const i32 columns = static_cast<i32>(cache.columns());
    const i32 rows = static_cast<i32>(cache.rows());
    const i32 column = static_cast<i32>(cell) % columns;
    const i32 row = static_cast<i32>(cell) / columns;
    for (const InterestPlan::Offset& offset : plan_->offsets()) {
      const i32 x = column + offset.columns;
      const i32 y = row + offset.rows;
      if (x < 0 || y < 0 || x >= columns || y >= rows) continue;
      for (const StreamRecord& record : cache.records_of(static_cast<u32>(y * columns + x))) {
        if (record.stream == own_stream) continue;
        if (entries_.size() == limit) break;
        add(record.stream, offset.tier);
      }
    }
  }
  cell_ = cell;
  own_stream_ = own_stream;
  layout_ = cache.layout();
  built_plan_ = plan_;
  built_ = true;
}

bool ClientView::acknowledge(u32 key_ack) {
  const u32 number = key_ack >> 8;
  const u8 key = static_cast<u8>(key_ack);
  if (number >= kMaxStreams) return false;
  // They come in about the order in which the key frames were sent, so the next is near the last.
  const std::size_t count = entries_.size();
  std::size_t at = acknowledged_at_ < count ? acknowledged_at_ : 0;
  for (std::size_t looked_at = 0; looked_at < count; ++looked_at, at = at + 1 < count ? at + 1 : 0) {
    Entry& entry = entries_[at];
    if (entry.stream != number) continue;
    acknowledged_at_ = static_cast<u16>(at);
    if ((entry.flags & kSent) != 0 && entry.sent == key) {
      entry.held = key;
      entry.flags |= kHeld;
      entry.attempts = 0;
      return true;
    }
    // A late word of the one before still lets its deltas be used.
    if ((entry.flags & kSentBefore) != 0 && static_cast<u8>(entry.sent - 1) == key) {
      if ((entry.flags & kHeld) == 0 || entry.held != entry.sent) entry.held = key;
      entry.flags |= kHeld;
      return true;
    }
    return (entry.flags & kHeld) != 0 && entry.held == key;
  }
  return false;
}

/// One datagram while it is filled.
struct ClientView::Assembly {
  const CellCache& cache;
  const InterestSettings& settings;
  std::byte* const start;
  std::byte* out;
  std::byte* const end;
  u32 tick;
  std::size_t key_room;  ///< bytes that key frames may still take while deltas wait
  bool has_key = false;

  std::size_t room() const { return static_cast<std::size_t>(end - out); }

  bool put_chunk(const std::byte* chunk, std::size_t size) {
    if (size > room()) return false;
    std::memcpy(out, chunk, size);
    out += size;
    return true;
  }

  /// The current key frame and the delta against it, or neither.
  bool put_key(Entry& entry, const CellCache::Stream& stream, std::size_t limit) {
    // The first may be as large as it is, or a large one would never be sent.
    if (!has_key) limit = room();
    const std::size_t key_bytes = kKeyHeadBytes + stream.key_size;
    if (!stream.has_key_body || key_bytes > limit || key_bytes + stream.chunk_size > room()) return false;
    std::byte* const before = out;
    out = put_varint(out, entry.stream);
    *out++ = std::byte{1};
    *out++ = static_cast<std::byte>(stream.key);
    out = put_varint(out, tick - stream.key_tick);
    out = put_varint(out, stream.key_size);
    const Bytes body = cache.key_body(entry.stream);
    std::memcpy(out, body.data(), body.size());
    out += body.size();
    const auto used = static_cast<std::size_t>(out - before);
    key_room -= std::min(key_room, used);
    has_key = true;
    put_chunk(stream.chunk, stream.chunk_size);
    note_key_sent(entry, stream);
    return true;
  }

  void note_key_sent(Entry& entry, const CellCache::Stream& stream) const {
    if ((entry.flags & kSent) == 0 || entry.sent != stream.key) {
      const bool follows = (entry.flags & kSent) != 0 && static_cast<u8>(entry.sent + 1) == stream.key;
      entry.flags = static_cast<u8>((entry.flags & kHeld) | kSent | (follows ? kSentBefore : 0));
      entry.sent = stream.key;
      entry.attempts = 0;
    }
    const u32 wait = settings.resend_ticks << std::min<u32>(entry.attempts, 3);
    entry.key_due = static_cast<u16>(tick + wait);
    if (entry.attempts < 255) ++entry.attempts;
  }
};

namespace {

/// Of the chunks that a stream has this tick, the one that the client can use.
enum class Use : u8 {
  none,
  current,   ///< it holds the current key frame
  hopeful,   ///< it was sent the current key frame and may hold it
  previous,  ///< it holds the previous key frame
};

}  // namespace

std::size_t ClientView::assemble(const CellCache& cache, MutableBytes out, std::size_t budget) {
  budget = std::min(budget, out.size());
  if (!cache.has_state() || budget < kStateFrameHeadBytes) return 0;
  adopt(cache);
  const bool spectator = player_ == kNoPlayer;
  const PlayerPlace place = spectator ? PlayerPlace{} : cache.place(player_);
  const u16 own_stream =
      place.stream != kNoStream && cache.live(cache.stream(place.stream)) ? place.stream : kNoStream;
  const u32 cell = spectator ? 0 : focus_cell(cache, place);
  const u32 tick = static_cast<u32>(cache.tick());
  const u16 now = static_cast<u16>(tick);
  if (!built_ || cell != cell_ || own_stream != own_stream_ ||
      ((layout_ != cache.layout() || built_plan_ != plan_) && ((tick + player_.value) & kRebuildMask) == 0)) {
    rebuild(cache, cell, own_stream);
  }

  Assembly to{.cache = cache,
              .settings = plan_->settings(),
              .start = out.data(),
              .out = out.data() + kStateFrameHeadBytes,
              .end = out.data() + budget,
              .tick = tick,
              .key_room = budget * plan_->settings().key_share_percent / 100};
  to.start[0] = kStateFrameKind;
  to.start[1] = std::byte{0};
  const u16 players = static_cast<u16>(std::min<u32>(cache.players(), 0xFFFF));
  std::memcpy(to.start + 2, &tick, 4);
  std::memcpy(to.start + 6, &place.sequence, 4);
  std::memcpy(to.start + 10, &players, 2);

  const auto use_of = [](const Entry& entry, const CellCache::Stream& stream) {
    if ((entry.flags & kHeld) != 0) {
      if (entry.held == stream.key) return Use::current;
      if (stream.previous_size != 0 && entry.held == stream.previous_key) return Use::previous;
    }
    return (entry.flags & kSent) != 0 && entry.sent == stream.key ? Use::hopeful : Use::none;
  };
  const auto sent_now = [&](Entry& entry) {
    // Streams of a tier take turns.
    const u32 interval = 1U << entry.tier;
    entry.due = static_cast<u16>(now + interval - ((now + entry.stream) & (interval - 1)));
  };
  const auto put_delta = [&](const CellCache::Stream& stream, Use use) {
    return use == Use::previous ? to.put_chunk(stream.chunk + stream.chunk_size, stream.previous_size)
                                : to.put_chunk(stream.chunk, stream.chunk_size);
  };

  std::size_t first = 0;
  if (own_stream != kNoStream) {
    first = 1;
    Entry& own = entries_[0];
    const CellCache::Stream& stream = cache.stream(own_stream);
    const Use use = use_of(own, stream);
    const bool sure = use == Use::current || use == Use::previous;
    const bool key_is_new = (own.flags & kSent) == 0 || own.sent != stream.key;
    const bool want_key = !sure || (use == Use::previous && (key_is_new || reached(own.key_due, now)));
    // Whoever may not hold any key frame of his own stream gets it every time.
    if (!(want_key && to.put_key(own, stream, to.room())) && use != Use::none) put_delta(stream, use);
    sent_now(own);
  }

  // Order what is due by how late it is, in powers of two of its interval, and
  // among equals by nearness.
  std::array<u16, kMaxEntries> order;
  std::array<u8, kMaxEntries> bucket_of;
  std::array<u16, kBuckets + 1> starts{};
  const std::size_t count = entries_.size();
  u32 due_count = 0;
  std::array<u16, kMaxEntries> due;
  for (std::size_t i = first; i < count; ++i) {
    Entry& entry = entries_[i];
    const u16 late = static_cast<u16>(now - entry.due);
    if (static_cast<i16>(late) < 0) continue;
    if (late > kLatest) entry.due = static_cast<u16>(now - kLatest);
    const u32 rank =
        std::min<u32>(static_cast<u32>(std::bit_width(static_cast<u32>(late) >> entry.tier)), kBuckets - 1);
    const u32 bucket = kBuckets - 1 - rank;
    due[due_count] = static_cast<u16>(i);
    bucket_of[due_count++] = static_cast<u8>(bucket);
    ++starts[bucket + 1];
  }
  for (u32 b = 1; b <= kBuckets; ++b) starts[b] = static_cast<u16>(starts[b] + starts[b - 1]);
  for (u32 i = 0; i < due_count; ++i) order[starts[bucket_of[i]]++] = due[i];

  u32 misses = 0;
  u32 waiting = 0;  // entries whose key frame may only use what deltas leave
  for (u32 i = 0; i < due_count && misses < kMaxMisses; ++i) {
    Entry& entry = entries_[order[i]];
    const CellCache::Stream& stream = cache.stream(entry.stream);
    if (!cache.live(stream)) continue;
    if (static_cast<u16>(now - entry.due) > kForgetTicks) entry.flags = 0;
    const Use use = use_of(entry, stream);
    if (use != Use::current) {
      const bool key_is_new = (entry.flags & kSent) == 0 || entry.sent != stream.key;
      if (key_is_new || reached(entry.key_due, now)) {
        if (to.put_key(entry, stream, to.key_room)) {
          sent_now(entry);
          continue;
        }
        if (use == Use::none) {
          due[waiting++] = order[i];
          continue;
        }
      }
    }
    if (put_delta(stream, use))
      sent_now(entry);
    else
      ++misses;
  }
  for (u32 i = 0; i < waiting; ++i) {
    Entry& entry = entries_[due[i]];
    if (to.put_key(entry, cache.stream(entry.stream), to.room())) sent_now(entry);
  }
  return static_cast<std::size_t>(to.out - to.start);
}

}  // namespace drumline::broadcast
