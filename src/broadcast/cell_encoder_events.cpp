// CellEncoder: events, which go with the chunks of the streams where they are seen.
#include <algorithm>
#include <cstring>

#include "broadcast/bits.hpp"
#include "broadcast/cell_encoder.hpp"

namespace drumline::broadcast {

void CellEncoder::keep_events(std::span<const world::Event> events, Tick tick) {
  for (const world::Event& event : events) {
    if (pending_events_.size() == settings_.max_events) {
      ++counters_.dropped_events;
      continue;
    }
    world::TeamSet hidden_from = 0;
    if (hiding_ != nullptr) {
      hidden_from =
          static_cast<world::TeamSet>(table_.hidden_from(event.source) | table_.hidden_from(event.target) |
                                      hiding_->also_hidden_from(event));
    }
    pending_events_.push_back({static_cast<u32>(tick), hidden_from, event});
  }
}

u16 CellEncoder::stream_of_event(const world::Event& event, world::TeamSet hidden_from) const {
  const auto keeps = [&](u16 number) {
    return number != kNoStream && (hidden_from & ~table_.stream(number).hidden_from) == 0;
  };
  u16 any = kNoStream;
  for (u16 number = table_.first_of(grid_.cell_of(event.x.raw, event.y.raw)); number != kNoStream;
       number = table_.stream(number).next) {
    if (table_.stream(number).hidden_from == hidden_from) return number;
    if (any == kNoStream && keeps(number)) any = number;
  }
  for (const EntityId who : {event.source, event.target}) {
    if (const u16 number = table_.stream_of(who); keeps(number)) return number;
  }
  return any;
}

void CellEncoder::take_events(u32 tick) {
  for (const RecentEvent& event : events_) event_count_[event.stream] = 0;
  std::erase_if(events_,
                [&](const RecentEvent& event) { return tick - event.tick >= settings_.event_ticks; });
  for (const auto& [event_tick, hidden_from, event] : pending_events_) {
    const u16 stream = stream_of_event(event, hidden_from);
    if (stream == kNoStream || events_.size() == settings_.max_events || event_count_[stream] > 255) {
      ++counters_.dropped_events;
      continue;
    }
    RecentEvent& kept = events_.emplace_back();
    kept.tick = event_tick;
    kept.stream = stream;
    kept.hidden_from = hidden_from;
    kept.number = static_cast<u8>(event_count_[stream]++);
    kept.kind = event.kind;
    const auto zigzag = [](i32 value) {
      return (static_cast<u32>(value) << 1) ^ static_cast<u32>(value >> 31);
    };
    const auto clamped = [](world::Fixed value) {
      constexpr i64 kMost = 0x7FFF'FFFF;
      return static_cast<i32>(std::clamp<i64>(value.raw >> 10, -kMost - 1, kMost));
    };
    std::byte* end = put_varint(kept.bytes, event.source.value);
    end = put_varint(end, event.target.value);
    const i32 place[2] = {clamped(event.x), clamped(event.y)};
    std::memcpy(end, place, sizeof(place));
    end = put_varint(end + sizeof(place), zigzag(event.a));
    end = put_varint(end, zigzag(event.b));
    kept.size = static_cast<u8>(end - kept.bytes);
  }
  pending_events_.clear();
}

void CellEncoder::list_events() {
  for (const StreamRecord& record : records_) event_first_[record.stream] = kNoEvent;
  for (const RecentEvent& event : events_) event_first_[event.stream] = kNoEvent;
  for (u32 i = 0; i < events_.size(); ++i) {
    // The stream's number may have come to mean another one meanwhile.
    if ((events_[i].hidden_from & ~table_.stream(events_[i].stream).hidden_from) != 0) continue;
    event_next_[i] = event_first_[events_[i].stream];
    event_first_[events_[i].stream] = i;
  }
}

std::size_t CellEncoder::put_events(u16 number, std::byte* out, std::size_t room, u32 tick) const {
  constexpr std::size_t kHead = 3;  // age, number, kind
  // The count comes first and takes two bytes where it must.
  u32 count = 0;
  std::size_t size = 2;
  for (u32 i = event_first_[number]; i != kNoEvent && size + kHead + events_[i].size <= room;
       i = event_next_[i]) {
    size += kHead + events_[i].size;
    ++count;
  }
  if (count == 0) return 0;
  std::byte* end = put_varint(out, count);
  for (u32 i = event_first_[number]; count > 0; i = event_next_[i], --count) {
    const RecentEvent& event = events_[i];
    *end++ = static_cast<std::byte>(tick - event.tick);
    *end++ = static_cast<std::byte>(event.number);
    *end++ = static_cast<std::byte>(event.kind);
    std::memcpy(end, event.bytes, event.size);
    end += event.size;
  }
  return static_cast<std::size_t>(end - out);
}

}  // namespace drumline::broadcast
