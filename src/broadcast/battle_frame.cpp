#include "broadcast/battle_frame.hpp"

#include <algorithm>
#include <string>

#include "broadcast/grid.hpp"
#include "broadcast/nearness.hpp"

namespace drumline::broadcast {
namespace {

Error malformed(const std::string& what) {
  return Error{ErrorCode::malformed, "battle frame: " + what};
}

constexpr std::size_t padded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

/// Cuts sections off the frame, one after the other.
class Sections {
 public:
  Sections(Bytes frame, std::size_t position) : frame_(frame), position_(position) {}

  Bytes take(u64 size) {
    const Bytes rest = frame_.subspan(position_);
    if (size > rest.size() || padded(size) > rest.size()) {
      ok_ = false;
      return {};
    }
    position_ += padded(size);
    return rest.first(size);
  }
  template <class Record>
  std::span<const Record> records(u32 count) {
    const Bytes bytes = take(u64{count} * sizeof(Record));
    return {reinterpret_cast<const Record*>(bytes.data()), bytes.size() / sizeof(Record)};
  }
  bool ok() const { return ok_; }
  bool at_end() const { return position_ == frame_.size(); }

 private:
  Bytes frame_;
  std::size_t position_;
  bool ok_ = true;
};

Result<void> check_records(const BattleFrameView& view) {
  const BattleFrameHeader& head = view.header;
  const u32 cells = u32{head.columns} * head.rows;
  u32 last_cell = 0;
  for (const StreamRecord& record : view.streams) {
    if (record.stream >= head.stream_limit || record.cell >= cells || record.cell < last_cell) {
      return malformed("stream record " + std::to_string(record.stream) + " out of range");
    }
    last_cell = record.cell;
    if (u64{record.offset} + record.chunk_size + record.previous_size > view.chunk_bytes.size()) {
      return malformed("chunk of stream " + std::to_string(record.stream) + " out of bounds");
    }
  }
  for (const KeyRecord& record : view.keys) {
    if (record.stream >= head.stream_limit || record.size > head.key_bytes_limit ||
        u64{record.offset} + record.size > view.key_bytes.size()) {
      return malformed("key frame of stream " + std::to_string(record.stream) + " out of bounds");
    }
  }
  for (const PlayerPlace& place : view.places) {
    if ((place.stream != kNoStream && place.stream >= head.stream_limit) || place.team >= world::kMaxTeams ||
        place.calm > Nearness::kMostCalm) {
      return malformed("a player's stream or team is out of range");
    }
  }
  for (const RelevantStreams& relevant : view.relevant) {
    for (const u16 stream : relevant.streams) {
      if (stream != kNoStream && stream >= head.stream_limit) {
        return malformed("a stream that matters to a player is out of range");
      }
    }
  }
  for (const PlayerEntity& entity : view.entities) {
    if (entity.player >= kMaxSeats) return malformed("a player's slot is out of range");
  }
  ByteReader messages(view.message_bytes);
  for (u32 i = 0; i < head.message_count && messages.ok(); ++i) {
    messages.read<u64>();
    messages.read_bytes(messages.read<u32>());
  }
  if (!messages.ok() || !messages.at_end()) return malformed("messages do not fill their section");
  return {};
}

}  // namespace

Result<BattleFrameView> parse_battle_frame(Bytes frame) {
  BattleFrameView view;
  BattleFrameHeader& head = view.header;
  if (frame.size() < sizeof(head)) return malformed("shorter than its header");
  if (reinterpret_cast<std::uintptr_t>(frame.data()) % 8 != 0)
    return malformed("not on a multiple of 8 bytes");
  std::memcpy(&head, frame.data(), sizeof(head));
  if (head.magic != kBattleFrameMagic) return malformed("wrong magic");
  if (head.size != frame.size()) return malformed("its size is not what arrived");
  const u32 cells = u32{head.columns} * head.rows;
  if (cells == 0 || cells > kMaxCells || head.key_bytes_limit > kMaxKeyBytes ||
      head.place_count > kMaxSeats || head.players > kMaxSeats || head.stream_count > head.stream_limit ||
      head.stream_limit > kMaxStreams) {
    return malformed("header out of range");
  }
  Sections sections(frame, sizeof(head));
  view.places = sections.records<PlayerPlace>(head.place_count);
  if ((head.flags & BattleFrameHeader::kRelevant) != 0) {
    view.relevant = sections.records<RelevantStreams>(head.place_count);
  }
  view.entities = sections.records<PlayerEntity>(head.entity_count);
  view.chunk_bytes = sections.take(head.chunk_bytes);
  view.key_bytes = sections.take(head.key_bytes);
  view.streams = sections.records<StreamRecord>(head.stream_count);
  view.keys = sections.records<KeyRecord>(head.key_count);
  view.message_bytes = sections.take(head.message_bytes);
  view.tick_payload = sections.take(head.tick_bytes);
  if (!sections.ok() || !sections.at_end()) return malformed("sections do not fill it");
  if ((head.flags & BattleFrameHeader::kNoState) != 0 &&
      (head.place_count | head.entity_count | head.stream_count | head.key_count) != 0) {
    return malformed("it says that it has no state, and has some");
  }
  if (auto checked = check_records(view); !checked) return std::move(checked).error();
  return view;
}

bool MessageQueue::add(SessionId to, Bytes message) {
  if (message.size() > memory_.size() || size_ + kHeadBytes + message.size() > memory_.size()) return false;
  ByteWriter out(MutableBytes(memory_).subspan(size_));
  out.write(to.value);
  out.write(static_cast<u32>(message.size()));
  out.write_bytes(message);
  size_ += out.size();
  return true;
}

std::size_t MessageQueue::take(MutableBytes out, u32& count) {
  std::size_t taken = 0;
  count = 0;
  while (taken < size_) {
    u32 body = 0;
    std::memcpy(&body, memory_.data() + taken + 8, sizeof(body));
    if (taken + kHeadBytes + body > out.size()) break;
    taken += kHeadBytes + body;
    ++count;
  }
  if (taken > 0) std::memcpy(out.data(), memory_.data(), taken);
  std::copy(memory_.begin() + static_cast<std::ptrdiff_t>(taken),
            memory_.begin() + static_cast<std::ptrdiff_t>(size_), memory_.begin());
  size_ -= taken;
  return taken;
}

}  // namespace drumline::broadcast
