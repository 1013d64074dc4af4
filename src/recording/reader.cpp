#include "recording/reader.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "world/snapshot.hpp"

namespace drumline::recording {
namespace {

constexpr u64 kReadBytes = u64{1} << 20;

}  // namespace

Error RecordingReader::damaged_at(u64 offset, const std::string& what) const {
  return {ErrorCode::corrupt, "recording " + name_ + ", offset " + std::to_string(offset) + ": " + what};
}

Result<std::unique_ptr<RecordingReader>> RecordingReader::open(env::FileSystem& files,
                                                               const std::string& path) {
  auto file = files.open(path, env::OpenMode::read);
  if (!file) return std::move(file).error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  std::unique_ptr<RecordingReader> reader(new RecordingReader(std::move(file).value(), *size));
  reader->name_ = path;
  if (auto begun = reader->read_beginning(); !begun) return std::move(begun).error();
  auto indexed = reader->read_index();
  if (!indexed) return std::move(indexed).error();
  if (!*indexed) {
    if (auto scanned = reader->scan(); !scanned) return std::move(scanned).error();
  }
  for (const IndexEntry& entry : reader->entries_) reader->stored_ticks_.push_back(entry.tick);
  if (reader->entries_.empty() || reader->entries_.front().tick != reader->first_tick_) {
    return reader->damaged_at(reader->end_, "the state that it begins with is missing");
  }
  return reader;
}

/// Exactly `size` bytes, or fewer at the file's end.
Result<Bytes> RecordingReader::view(u64 offset, u64 size) {
  if (offset >= size_) return Bytes{};
  const u64 wanted = std::min(size, size_ - offset);
  if (offset < buffer_at_ || offset + wanted > buffer_at_ + buffer_.size()) {
    buffer_.resize(static_cast<std::size_t>(std::min(std::max(wanted, kReadBytes), size_ - offset)));
    const auto read = file_->read_at(offset, buffer_);
    if (!read) {
      buffer_.clear();
      return read.error();
    }
    buffer_.resize(*read);
    buffer_at_ = offset;
    if (buffer_.size() < wanted) return Error{ErrorCode::io, name_ + " became shorter while it was read"};
  }
  return Bytes(buffer_).subspan(static_cast<std::size_t>(offset - buffer_at_),
                                static_cast<std::size_t>(wanted));
}

Result<RecordingReader::Found> RecordingReader::block_at(u64 offset) {
  Found found;
  found.block.offset = offset;
  auto header = view(offset, kBlockHeaderBytes);
  if (!header) return std::move(header).error();
  if (header->size() < kBlockHeaderBytes) {
    found.why = "the file ends here, where a block should stand: it was cut off or never finished";
    return found;
  }
  const auto frame = decode_block_header(*header);
  if (!frame) {
    found.why = "no block stands here: its kind or length is out of range";
    return found;
  }
  found.block.kind = frame->kind;
  found.block.number = frame->number;
  found.block.tick = frame->tick;
  const std::string what =
      std::string(block_kind_name(frame->kind)) + " block of tick " + std::to_string(frame->tick);
  const u64 whole = kBlockHeaderBytes + frame->payload_bytes;
  if (whole > size_ - offset) {
    found.why = "the " + what + " reaches past the end of the file: it was cut off";
    return found;
  }
  auto bytes = view(offset, whole);
  if (!bytes) return std::move(bytes).error();
  found.block.payload = bytes->subspan(kBlockHeaderBytes);
  found.next = offset + whole;
  found.is_whole = block_holds(bytes->first(kBlockHeaderBytes), found.block.payload);
  if (!found.is_whole) found.why = "the " + what + " is damaged: its checksum does not hold";
  return found;
}

/// True when a block that holds, of this number, stands at `offset`: what stands before it
/// ends there.
Result<bool> RecordingReader::follows(u64 offset, u32 number) {
  auto found = block_at(offset);
  if (!found) return std::move(found).error();
  return found->is_whole && found->block.number == number;
}

Result<void> RecordingReader::read_beginning() {
  auto bytes = view(0, kHeaderBytes);
  if (!bytes) return std::move(bytes).error();
  auto header = decode_header(*bytes);
  if (!header) return std::move(header).error().within("recording " + name_);
  header_ = std::move(header).value();
  origin_ = {header_.simulation, header_.build};
  first_tick_ = last_tick_ = header_.first_tick;
  end_ = kHeaderBytes;
  auto battle = block_at(kHeaderBytes);
  if (!battle) return std::move(battle).error();
  if (!battle->is_whole) return damaged_at(kHeaderBytes, battle->why);
  if (battle->block.kind != BlockKind::battle || battle->block.number != 0) {
    return damaged_at(kHeaderBytes, "the battle's description should stand here");
  }
  auto created = battle::decode_created(battle->block.payload, header_.battle, header_.epoch);
  if (!created) {
    return std::move(created).error().within("recording " + name_ + ", offset " +
                                             std::to_string(kHeaderBytes));
  }
  info_ = std::move(created->info);
  created_hash_ = created->state_hash;
  end_ = battle->next;
  return {};
}

/// False when there is none that holds.
Result<bool> RecordingReader::read_index() {
  const auto none = [this](std::string why) {
    damage_.push_back({size_, std::move(why) + "; it is read without its index, as far as its blocks hold"});
    return false;
  };
  auto end = view(size_ < kTrailerBytes ? 0 : size_ - kTrailerBytes, kTrailerBytes);
  if (!end) return std::move(end).error();
  const auto trailer = decode_trailer(*end);
  if (!trailer) return none("the recording has no end: it was cut off or never finished");
  if (trailer->file_bytes != size_) {
    return none("the file has " + std::to_string(size_) + " bytes, its end says " +
                std::to_string(trailer->file_bytes));
  }
  auto found = block_at(trailer->index_offset);
  if (!found) return std::move(found).error();
  if (!found->is_whole || found->block.kind != BlockKind::index) {
    damage_.push_back({trailer->index_offset, "the index is damaged; the recording is read without it"});
    return false;
  }
  auto index = decode_index(found->block.payload);
  // Each tick has a block and each block its bytes, so that no loop over the ticks is
  // longer than the file.
  if (!index || index->blocks != found->block.number || index->blocks > size_ / kBlockHeaderBytes ||
      index->last_tick - first_tick_ > index->blocks || index->snapshots.front().tick != first_tick_ ||
      index->snapshots.back().offset >= trailer->index_offset) {
    damage_.push_back({trailer->index_offset, "the index does not fit; the recording is read without it"});
    return false;
  }
  entries_ = std::move(index->snapshots);
  last_tick_ = index->last_tick;
  end_ = trailer->index_offset;
  complete_ = true;
  return true;
}

Result<void> RecordingReader::scan() {
  u64 offset = end_;
  for (u32 number = 1;; ++number) {
    auto found = block_at(offset);
    if (!found) return std::move(found).error();
    const Block& block = found->block;
    std::string why = found->why;
    if (why.empty() && block.number != number) {
      why = "block " + std::to_string(block.number) + " stands where block " + std::to_string(number) +
            " should";
    }
    if (why.empty() && block.kind == BlockKind::index) break;
    const bool tick = block.kind == BlockKind::tick;
    const bool opens = block.kind == BlockKind::snapshot && block.tick == last_tick_;
    if (why.empty() && !(tick && block.tick == last_tick_ + 1 && !entries_.empty()) && !opens) {
      why = "a " + std::string(block_kind_name(block.kind)) + " block of tick " + std::to_string(block.tick) +
            " cannot stand after tick " + std::to_string(last_tick_);
    }
    if (!why.empty()) {
      // A state that is damaged is missed by nobody, when what follows it holds.
      bool passed = false;
      if (!found->is_whole && found->next != 0 && block.kind == BlockKind::snapshot && !entries_.empty()) {
        auto goes_on = follows(found->next, number + 1);
        if (!goes_on) return std::move(goes_on).error();
        passed = *goes_on;
      }
      damage_.push_back({offset, why});
      if (!passed) break;
    } else if (tick) {
      last_tick_ = block.tick;
    } else {
      entries_.push_back({block.tick, offset});
    }
    offset = found->next;
  }
  end_ = offset;
  return {};
}

Result<StoredState> RecordingReader::load_state(Tick tick) {
  const auto entry = std::lower_bound(entries_.begin(), entries_.end(), tick,
                                      [](const IndexEntry& e, Tick wanted) { return e.tick < wanted; });
  if (entry == entries_.end() || entry->tick != tick) {
    return Error{ErrorCode::not_found,
                 "recording " + name_ + " holds no state of tick " + std::to_string(tick)};
  }
  auto found = block_at(entry->offset);
  if (!found) return std::move(found).error();
  if (!found->is_whole) return damaged_at(entry->offset, found->why);
  if (found->block.kind != BlockKind::snapshot || found->block.tick != tick) {
    return damaged_at(entry->offset, "the state of tick " + std::to_string(tick) + " should stand here");
  }
  StoredState state;
  state.tick = tick;
  state.content.assign(found->block.payload.begin(), found->block.payload.end());
  auto view = world::read_snapshot(state.content);
  if (!view) {
    return std::move(view).error().within("recording " + name_ + ", offset " + std::to_string(entry->offset));
  }
  state.state_hash = view->hash;
  return state;
}

Result<void> RecordingReader::read_tick(Tick tick, battle::TickRecord& out) {
  DRUM_ASSERT(tick > first_tick_);
  if (tick > last_tick_) {
    return Error{ErrorCode::not_found,
                 "recording " + name_ + " ends with tick " + std::to_string(last_tick_)};
  }
  // From the last state before the tick, unless reading goes on behind it anyway.
  const auto after = std::lower_bound(entries_.begin(), entries_.end(), tick,
                                      [](const IndexEntry& e, Tick wanted) { return e.tick < wanted; });
  const IndexEntry& from = *std::prev(after);
  if (cursor_ == 0 || cursor_tick_ > tick || from.offset > cursor_) {
    cursor_ = from.offset;
    cursor_tick_ = from.tick + 1;
  }
  while (cursor_ < end_) {
    auto found = block_at(cursor_);
    if (!found) return std::move(found).error();
    const Block block = found->block;
    if (!found->is_whole) {
      const u64 offset = cursor_;
      bool goes_on = found->next != 0 && (block.kind == BlockKind::snapshot || block.tick != tick);
      if (goes_on) {
        auto next = follows(found->next, block.number + 1);
        if (!next) return std::move(next).error();
        goes_on = *next;
      }
      if (!goes_on) {
        cursor_ = 0;
        return damaged_at(offset, found->why);
      }
      cursor_ = found->next;
      continue;
    }
    if (block.kind == BlockKind::tick && block.tick == tick) {
      if (auto decoded = battle::decode_tick(block.payload, out); !decoded) {
        return std::move(decoded).error().within("recording " + name_ + ", offset " +
                                                 std::to_string(cursor_));
      }
      cursor_ = found->next;
      cursor_tick_ = tick + 1;
      return {};
    }
    if (block.tick > tick || block.kind == BlockKind::battle) {
      return damaged_at(cursor_,
                        "the block of tick " + std::to_string(tick) + " should stand before this one");
    }
    cursor_ = found->next;
  }
  cursor_ = 0;
  return damaged_at(end_, "the ticks end before tick " + std::to_string(tick));
}

Result<void> RecordingReader::for_each_block(const std::function<void(const Block&)>& visit,
                                             const std::function<void(const Damage&)>& damaged) {
  u64 offset = kHeaderBytes;
  const u64 end = complete_ ? size_ - kTrailerBytes : size_;
  for (u32 number = 0; offset < end; ++number) {
    auto found = block_at(offset);
    if (!found) return std::move(found).error();
    if (!found->is_whole) {
      damaged({offset, found->why});
      if (found->next == 0) return {};
      auto goes_on = follows(found->next, number + 1);
      if (!goes_on) return std::move(goes_on).error();
      if (!*goes_on) return {};
    } else {
      if (found->block.number != number) {
        damaged({offset, "block " + std::to_string(found->block.number) + " stands where block " +
                             std::to_string(number) + " should"});
        return {};
      }
      visit(found->block);
      if (found->block.kind == BlockKind::index) return {};
    }
    offset = found->next;
  }
  return {};
}

}  // namespace drumline::recording
