#include "broadcast/cell_cache.hpp"

#include <algorithm>

namespace drumline::broadcast {

Result<void> CellCache::absorb(Bytes frame) {
  auto parsed = parse_battle_frame(frame);
  if (!parsed) return std::move(parsed).error();
  const BattleFrameHeader& head = parsed->header;
  const bool first = frame_number_ == 0;
  if (first || head.instance != view_.header.instance) {
    reshape(head);
  } else if (head.battle != view_.header.battle || head.columns != view_.header.columns ||
             head.rows != view_.header.rows || head.stream_limit != streams_.size() ||
             head.key_bytes_limit > key_stride_) {
    return Error{ErrorCode::malformed, "battle frame: another battle's, or another grid than before"};
  }
  if (head.previous_tick != static_cast<u32>(last_tick_)) entities_known_ = false;
  last_tick_ = head.tick;
  if ((head.flags & BattleFrameHeader::kNoState) != 0) {
    release();
    view_.header.tick = head.tick;
    view_.header.state_hash = head.state_hash;
    view_.header.players = head.players;
    view_.header.flags = head.flags;
    view_.header.message_count = head.message_count;
    view_.message_bytes = parsed->message_bytes;
    view_.tick_payload = parsed->tick_payload;
    frame_held_ = true;
    return {};
  }
  view_ = *parsed;
  frame_held_ = true;
  ++frame_number_;
  if ((head.flags & BattleFrameHeader::kAllEntities) != 0) {
    entities_known_ = true;
    std::fill(entities_.begin(), entities_.end(), 0);
  }
  for (const PlayerEntity& entity : view_.entities) {
    if (entity.player >= entities_.size()) entities_.resize(entity.player + 1);
    entities_[entity.player] = entity.entity;
  }
  take_keys();
  take_streams();
  return {};
}

void CellCache::release() {
  frame_held_ = false;
  // Views would dangle; the header's numbers stay.
  const BattleFrameHeader head = view_.header;
  view_ = {};
  view_.header = head;
  std::fill(cell_first_.begin(), cell_first_.end(), 0);
}

bool CellCache::take_full_request() {
  if (frame_number_ == 0) return false;
  if (entities_known_ && keys_missing_ == 0) return false;
  if (asked_at_ != 0 && frame_number_ - asked_at_ < 16) return false;
  asked_at_ = frame_number_;
  return true;
}

void CellCache::reshape(const BattleFrameHeader& head) {
  streams_.assign(head.stream_limit, Stream{});
  cell_first_.assign(std::size_t{head.columns} * head.rows + 1, 0);
  entities_.clear();
  entities_known_ = false;
  asked_at_ = 0;
  last_tick_ = 0;
  frame_number_ = 0;
  key_stride_ = head.key_bytes_limit;
  // Left as it comes: pages of streams that never open are never touched.
  keys_ = std::make_unique_for_overwrite<std::byte[]>(std::size_t{head.stream_limit} * key_stride_);
}

void CellCache::take_keys() {
  for (const KeyRecord& record : view_.keys) {
    Stream& stream = streams_[record.stream];
    stream.key = record.key;
    stream.key_tick = record.tick;
    stream.key_size = record.size;
    stream.has_key_body = true;
    if (record.size == 0) continue;
    std::memcpy(keys_.get() + std::size_t{record.stream} * key_stride_,
                view_.key_bytes.data() + record.offset, record.size);
  }
}

void CellCache::take_streams() {
  keys_missing_ = 0;
  std::size_t cell = 0;
  for (std::size_t i = 0; i < view_.streams.size(); ++i) {
    const StreamRecord& record = view_.streams[i];
    while (cell <= record.cell) cell_first_[cell++] = static_cast<u32>(i);
    Stream& stream = streams_[record.stream];
    stream.chunk = view_.chunk_bytes.data() + record.offset;
    stream.cell = record.cell;
    stream.hidden_from = record.hidden_from;
    stream.frame = frame_number_;
    stream.chunk_size = record.chunk_size;
    stream.previous_size = record.previous_size;
    stream.previous_key = record.previous_key;
    if (stream.key != record.key || stream.key_tick != record.key_tick) stream.has_key_body = false;
    stream.key = record.key;
    stream.key_tick = record.key_tick;
    keys_missing_ += stream.has_key_body ? 0 : 1;
  }
  while (cell < cell_first_.size()) cell_first_[cell++] = static_cast<u32>(view_.streams.size());
}

}  // namespace drumline::broadcast
