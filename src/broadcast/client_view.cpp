#include "broadcast/client_view.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/prefetch.hpp"
#include "broadcast/bits.hpp"

namespace drumline::broadcast {
namespace {

constexpr u32 kMaxEntries = 4096;   // a spectator's
constexpr u32 kBuckets = 14;        // of lateness, by its logarithm
constexpr u16 kLatest = 0x2000;     // lateness is kept from wrapping round
constexpr u32 kMaxMisses = 6;       // chunks that did not fit before a datagram counts as full
constexpr u16 kForgetTicks = 512;   // half of what a client keeps an unused key frame for
constexpr u32 kKeyHeadBytes = 16;   // varints of stream and age, type, key, length
constexpr u32 kRebuildMask = 3;     // a changed layout is looked at every fourth tick
constexpr u32 kMaxRemembered = 64;  // streams that were of interest until lately

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
  if (player != kNoPlayer) {
    entries_.reserve(plan.settings().max_streams);
    remembered_.reserve(kMaxRemembered);
  }
}

void ClientView::reset() {
  entries_.clear();
  remembered_.clear();
  built_ = false;
}

void ClientView::prefetch() const {
  prefetch_range(this, sizeof *this);
  prefetch_range(entries_.data(), entries_.size() * sizeof(Entry));
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

/// The entries as they were, found again by their streams.
class ClientView::Former {
 public:
  /// Of a player, `remembered` besides, each behind those of interest.
  Former(std::vector<Entry>& entries, std::span<const Entry> remembered, bool spectator)
      : spectator_(spectator) {
    if (spectator) {
      std::sort(entries.begin(), entries.end(),
                [](const Entry& a, const Entry& b) { return a.stream < b.stream; });
      many_ = entries;
      all_ = many_;
      return;
    }
    // A small hash table of their places.
    DRUM_ASSERT(entries.size() + remembered.size() <= few_.size());
    std::copy(remembered.begin(), remembered.end(), std::copy(entries.begin(), entries.end(), few_.begin()));
    all_ = std::span(few_).first(entries.size() + remembered.size());
    of_interest_ = entries.size();
    for (std::size_t i = 0; i < all_.size(); ++i) {
      u32 place = all_[i].stream % kTable;
      while (table_[place] != 0) place = (place + 1) % kTable;
      table_[place] = static_cast<u16>(i + 1);
    }
  }

  /// Null: there is none. `was_remembered` says whether it was of no interest lately.
  const Entry* find(u16 stream, bool& was_remembered) {
    was_remembered = false;
    if (spectator_) {
      const auto it = std::lower_bound(all_.begin(), all_.end(), stream,
                                       [](const Entry& entry, u16 number) { return entry.stream < number; });
      return it != all_.end() && it->stream == stream ? &*it : nullptr;
    }
    for (u32 place = stream % kTable; table_[place] != 0; place = (place + 1) % kTable) {
      const u32 at = table_[place] - 1U;
      if (all_[at].stream != stream) continue;
      found_[at / 64] |= u64{1} << (at % 64);
      was_remembered = at >= of_interest_;
      return &all_[at];
    }
    return nullptr;
  }

  /// Calls visit(entry) for those of a player that were not found, in their order.
  template <class Visit>
  void for_each_left(Visit visit) const {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if ((found_[i / 64] >> (i % 64) & 1) == 0) visit(all_[i]);
    }
  }

 private:
  static constexpr u32 kTable = 512;
  static constexpr u32 kMost = 255 + kMaxRemembered;  // as many as InterestSettings allow

  bool spectator_;
  std::size_t of_interest_ = 0;  ///< so many of all
  std::span<Entry> all_;
  std::vector<Entry> many_;
  std::array<Entry, kMost> few_;
  std::array<u16, kTable> table_{};
  std::array<u64, (kMost + 63) / 64> found_{};
};

bool ClientView::wants_rebuild(const CellCache& cache, u32 cell, u16 own_stream, world::TeamSet team) const {
  if (!built_ || cell != cell_ || own_stream != own_stream_ || team != team_) return true;
  if (((static_cast<u32>(cache.tick()) + player_.value) & kRebuildMask) != 0) return false;
  if (layout_ != cache.layout() || built_plan_ != plan_) return true;
  const RelevantStreams* const relevant = cache.relevant(player_);
  return relevant != nullptr && *relevant != relevant_;
}

void ClientView::rebuild(const CellCache& cache, u32 cell, u16 own_stream, world::TeamSet team) {
  const u32 tick = static_cast<u32>(cache.tick());
  const u16 now = static_cast<u16>(tick);
  const bool spectator = player_ == kNoPlayer;
  const RelevantStreams* const relevant = cache.relevant(player_);
  // When only streams have opened or closed, nothing leaves the interest that could come back.
  const bool looks_elsewhere =
      !spectator && (!built_ || cell != cell_ || team != team_ || built_plan_ != plan_ ||
                     (relevant != nullptr && *relevant != relevant_));
  // Entries' ticks have 16 bits: what waited unseen for too long would look like of today.
  if (looks_elsewhere && tick - remembered_at_ > kForgetTicks) remembered_.clear();
  Former former(entries_, looks_elsewhere ? remembered_ : std::span<const Entry>{}, spectator);
  entries_.clear();
  const auto add = [&](u16 stream, u8 tier) {
    Entry entry;
    bool was_remembered = false;
    if (const Entry* known = former.find(stream, was_remembered)) {
      entry = *known;
      if (was_remembered) entry.due = now;
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
      if (entries_.size() == kMaxEntries) break;
      add(record.stream, 0);
    }
  } else {
    if (relevant != nullptr) relevant_ = *relevant;
    choose(cache, cell, own_stream, team, add);
  }
  if (looks_elsewhere) {
    remembered_.clear();
    remembered_at_ = tick;
    former.for_each_left([&](const Entry& entry) {
      const auto unused = static_cast<i16>(now - entry.due);
      const bool worth = (entry.flags & (kHeld | kSent)) != 0 && unused <= kForgetTicks;
      if (worth && remembered_.size() < kMaxRemembered) remembered_.push_back(entry);
    });
  }
  cell_ = cell;
  own_stream_ = own_stream;
  team_ = team;
  layout_ = cache.layout();
  built_plan_ = plan_;
  built_ = true;
}

/// Calls add(stream, tier) for all that is of interest to a player, in its order.
template <class Add>
void ClientView::choose(const CellCache& cache, u32 cell, u16 own_stream, world::TeamSet team, Add add) {
  const std::size_t limit = plan_->settings().max_streams;
  std::array<u16, 1 + world::kMaxRelevant> first;
  std::size_t first_count = 0;
  const auto is_first = [&](u16 stream) {
    return std::find(first.begin(), first.begin() + first_count, stream) != first.begin() + first_count;
  };
  const auto add_first = [&](u16 stream) {
    if (stream == kNoStream || entries_.size() == limit || is_first(stream)) return;
    if (!cache.open_to(team, cache.stream(stream))) return;
    first[first_count++] = stream;
    add(stream, 0);
  };
  add_first(own_stream);
  if (cache.relevant(player_) != nullptr) {
    for (const u16 stream : relevant_.streams) add_first(stream);
  }
  urgent_ = static_cast<u8>(first_count);
  const i32 columns = static_cast<i32>(cache.columns());
  const i32 rows = static_cast<i32>(cache.rows());
  const i32 column = static_cast<i32>(cell) % columns;
  const i32 row = static_cast<i32>(cell) / columns;
  for (const InterestPlan::Offset& offset : plan_->offsets()) {
    const i32 x = column + offset.columns;
    const i32 y = row + offset.rows;
    if (x < 0 || y < 0 || x >= columns || y >= rows) continue;
    for (const StreamRecord& record : cache.records_of(static_cast<u32>(y * columns + x))) {
      if (record.stream == own_stream || (record.hidden_from & team) != 0) continue;
      if (first_count > 1 && is_first(record.stream)) continue;
      if (entries_.size() == limit) return;
      add(record.stream, offset.tier);
    }
  }
}

bool ClientView::take_acknowledgement(Entry& entry, u8 key) {
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
    return take_acknowledgement(entry, key);
  }
  for (Entry& entry : remembered_) {
    if (entry.stream == number) return take_acknowledgement(entry, key);
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
  const world::TeamSet team = spectator ? world::TeamSet{0} : static_cast<world::TeamSet>(1U << place.team);
  const u16 own_stream =
      place.stream != kNoStream && cache.open_to(team, cache.stream(place.stream)) ? place.stream : kNoStream;
  const u32 cell = spectator ? 0 : focus_cell(cache, place);
  const u32 tick = static_cast<u32>(cache.tick());
  const u16 now = static_cast<u16>(tick);
  if (wants_rebuild(cache, cell, own_stream, team)) rebuild(cache, cell, own_stream, team);

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

  // Order what is due by how late it is, in powers of two of its interval, and among
  // equals by nearness; what matters most comes first in any case.
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
    const u32 bucket = i < urgent_ ? 0 : kBuckets - 1 - rank;
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
    // A stream may have closed since, and be another one by now.
    if (!cache.open_to(team, stream)) continue;
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
