#include "journal/reader.hpp"

#include <algorithm>
#include <cstring>

#include "journal/tail.hpp"

namespace drumline::journal {
namespace {

constexpr std::size_t kReadBytes = 1024 * 1024;

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(env::FileSystem& files, std::string folder) {
  std::unique_ptr<Reader> reader(new Reader(files, std::move(folder)));
  if (auto opened = reader->open_segments(); !opened) return std::move(opened).error();
  return reader;
}

Result<void> Reader::open_segments() {
  auto there = files_.exists(folder_);
  if (!there) return std::move(there).error();
  if (!*there) {
    at_end_ = true;
    return {};
  }
  auto names = files_.list(folder_);
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    const auto number = parse_segment_name(name);
    if (!number) continue;
    Segment segment;
    segment.number = *number;
    segment.path = segment_path(folder_, *number);
    segments_.push_back(std::move(segment));
  }
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });

  for (std::size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    if (i > 0 && segment.number != segments_[i - 1].number + 1) {
      return Error{ErrorCode::corrupt, "journal " + folder_ + ": segment " +
                                           segment_name(segments_[i - 1].number + 1) + " is missing before " +
                                           segment_name(segment.number)};
    }
    auto file = files_.open(segment.path, env::OpenMode::read);
    if (!file) return std::move(file).error();
    segment.file = std::move(file).value();
    auto size = segment.file->size();
    if (!size) return std::move(size).error();
    segment.size = *size;
  }

  // From the last one back: what was prepared or torn before its first record counted.
  std::vector<std::byte> head(kSegmentHeaderBytes);
  bool last = true;
  for (std::size_t i = segments_.size(); i-- > 0;) {
    Segment& segment = segments_[i];
    auto read = segment.file->read_at(0, head);
    if (!read) return std::move(read).error();
    auto header = decode_segment_header(Bytes(head).first(*read));
    if (!header) {
      if (!last || header.error().code == ErrorCode::mismatch) {
        return std::move(header).error().within("journal segment " + segment.path);
      }
      auto dropped = drop_unstarted(segment, header.error());
      if (!dropped) return std::move(dropped).error();
      segments_.pop_back();
      continue;
    }
    segment.header = *header;
    last = false;
    if (header->number != segment.number) {
      return Error{ErrorCode::corrupt, "journal segment " + segment.path + ": its header says it is number " +
                                           std::to_string(header->number)};
    }
    if (header->segment_bytes != segment.size) {
      return Error{ErrorCode::corrupt, "journal segment " + segment.path + ": it holds " +
                                           std::to_string(segment.size) + " bytes where its header says " +
                                           std::to_string(header->segment_bytes) +
                                           ": it was cut off at offset " + std::to_string(segment.size)};
    }
    if (i + 1 < segments_.size()) {
      const SegmentHeader& after = segments_[i + 1].header;
      if (after.journal_id != header->journal_id) {
        return Error{ErrorCode::corrupt,
                     "journal segment " + segments_[i + 1].path + ": it belongs to another journal"};
      }
      if (after.previous_end < kSegmentHeaderBytes || after.previous_end > segment.size) {
        return Error{ErrorCode::corrupt, "journal segment " + segments_[i + 1].path +
                                             ": it puts the end of the one before at offset " +
                                             std::to_string(after.previous_end) + ", outside it"};
      }
    }
  }
  if (segments_.empty()) {
    at_end_ = true;
    return {};
  }
  const SegmentHeader& first = segments_.front().header;
  if (first.number == 1 && first.previous_hash != first.journal_id) {
    return Error{ErrorCode::corrupt,
                 "journal segment " + segments_.front().path + ": its chain does not begin here"};
  }
  hash_ = first.previous_hash;
  limit_ = segments_.size() > 1 ? segments_[1].header.previous_end : segments_.front().size;
  index_.begin_segment(first.number);
  return {};
}

/// The last segment has no valid header: it was prepared and not used (nothing to
/// note), or its first write was torn (noted), or it is damaged (an error).
Result<bool> Reader::drop_unstarted(Segment& segment, const Error& reason) {
  if (segment.size < kMinSegmentBytes) {
    return Error{ErrorCode::corrupt, "journal segment " + segment.path + ": it holds " +
                                         std::to_string(segment.size) +
                                         " bytes, fewer than any segment: it was cut off at offset " +
                                         std::to_string(segment.size)};
  }
  auto tail = judge_tail(*segment.file, segment.number, 0, segment.size);
  if (!tail) return std::move(tail).error();
  if (tail->kind == Tail::Kind::damaged) {
    return Error{ErrorCode::corrupt, "journal segment " + segment.path + ", offset 0: " + reason.message +
                                         ", and " + tail->reason};
  }
  if (tail->kind == Tail::Kind::torn) {
    torn_.push_back({segment.number, 0, tail->end, reason.message, {}});
  }
  return true;
}

/// At least `wanted` bytes of the current segment from `offset`, fewer at limit_.
Result<Bytes> Reader::view(u64 offset, std::size_t wanted) {
  const auto available = static_cast<std::size_t>(std::min<u64>(wanted, limit_ - offset));
  if (offset >= buffer_at_ && offset + available <= buffer_at_ + buffered_) {
    return Bytes(buffer_).subspan(offset - buffer_at_, buffer_at_ + buffered_ - offset);
  }
  const auto size = static_cast<std::size_t>(std::min<u64>(std::max(available, kReadBytes), limit_ - offset));
  if (buffer_.size() < size) buffer_.resize(size);
  auto read = segments_[current_].file->read_at(offset, {buffer_.data(), size});
  if (!read) return std::move(read).error();
  buffer_at_ = offset;
  buffered_ = *read;
  if (buffered_ < available) {
    return Error{ErrorCode::io, segments_[current_].path + " became shorter while it was read"};
  }
  return Bytes(buffer_).first(buffered_);
}

Error Reader::damage(u64 offset, const std::string& reason) const {
  return {ErrorCode::corrupt, "journal segment " + segments_[current_].path + ", offset " +
                                  std::to_string(offset) + ", record " +
                                  std::to_string(segment_records_ + 1) + ": " + reason};
}

/// What a valid record must fit besides.
Result<void> Reader::check(const Record& record) {
  if (record.previous_hash != hash_) {
    return damage(record.offset, "the chain is broken: it does not follow the record before it");
  }
  if (record.write_offset != record.offset && record.write_offset != write_offset_) {
    return damage(record.offset, "it belongs to a write that did not begin where it says");
  }
  if (record.info.battle.value == 0) return {};
  Epoch& epoch = epochs_[record.info.battle];
  if (record.info.epoch < epoch) {
    return damage(record.offset, "battle " + std::to_string(record.info.battle.value) +
                                     " was written by epoch " + std::to_string(record.info.epoch.value) +
                                     " after epoch " + std::to_string(epoch.value));
  }
  epoch = record.info.epoch;
  return {};
}

/// The current segment ended where the next one says; goes on there. False when it was the last.
Result<bool> Reader::next_segment() {
  if (current_ + 1 == segments_.size()) return false;
  if (segments_[current_ + 1].header.previous_hash != hash_) {
    return Error{ErrorCode::corrupt,
                 "journal segment " + segments_[current_ + 1].path +
                     ": the chain is broken: it does not follow the last record of the segment before it"};
  }
  ++current_;
  offset_ = kSegmentHeaderBytes;
  limit_ = current_ + 1 < segments_.size() ? segments_[current_ + 1].header.previous_end
                                           : segments_[current_].size;
  write_offset_ = 0;
  segment_records_ = 0;
  buffered_ = 0;
  index_.begin_segment(segments_[current_].number);
  return true;
}

/// No valid record at `offset` of the last segment.
Result<void> Reader::finish(u64 offset, std::string reason) {
  const Segment& segment = segments_[current_];
  auto tail = judge_tail(*segment.file, segment.number, offset, segment.size);
  if (!tail) return std::move(tail).error();
  if (tail->kind == Tail::Kind::damaged) return damage(offset, reason + ", and " + tail->reason);
  if (tail->kind == Tail::Kind::torn) {
    torn_.push_back({segment.number, offset, tail->end - offset, std::move(reason), {}});
  }
  at_end_ = true;
  end_ = {segment.header.journal_id, segment.number, offset, segment.size, hash_, write_offset_};
  buffer_.clear();
  buffer_.shrink_to_fit();
  buffered_ = 0;
  return {};
}

Result<const Record*> Reader::next() {
  const auto fail = [this](Error error) -> Result<const Record*> {
    failed_ = true;
    failure_ = std::move(error);
    return failure_;
  };
  if (failed_) return failure_;
  while (!at_end_) {
    const bool last = current_ + 1 == segments_.size();
    if (!last && offset_ == limit_) {
      auto moved = next_segment();
      if (!moved) return fail(std::move(moved).error());
      continue;
    }
    auto bytes = view(offset_, kRecordHeaderBytes);
    if (!bytes) return fail(std::move(bytes).error());
    const std::size_t framed = framed_record_bytes(*bytes);
    if (framed > bytes->size()) {
      bytes = view(offset_, framed);
      if (!bytes) return fail(std::move(bytes).error());
    }
    std::string why;
    const auto record = parse_record(*bytes, segments_[current_].number, offset_, &why);
    if (!record) {
      if (!last) return fail(damage(offset_, why));
      if (auto finished = finish(offset_, why); !finished) return fail(std::move(finished).error());
      continue;
    }
    record_ = *record;
    if (auto fits = check(record_); !fits) return fail(std::move(fits).error());
    hash_ = record_.hash;
    write_offset_ = record_.write_offset;
    index_.add(record_.info);
    const std::size_t size = record_bytes(record_.payload.size());
    offset_ += size;
    bytes_ += size;
    ++records_;
    ++segment_records_;
    return &record_;
  }
  return nullptr;
}

double Reader::progress() const {
  if (at_end_ || limit_ == 0) return 1;
  const double within = static_cast<double>(offset_) / static_cast<double>(limit_);
  return (static_cast<double>(current_) + within) / static_cast<double>(segments_.size());
}

Result<void> Reader::cut(const TornTail& tail, const std::string& copy) {
  const std::string path = segment_path(folder_, tail.segment);
  auto file = files_.open(path, env::OpenMode::read_write);
  if (!file) return std::move(file).error();
  std::vector<std::byte> bytes(tail.bytes);
  auto read = (*file)->read_at(tail.offset, bytes);
  if (!read) return std::move(read).error();
  if (auto kept = env::write_file_atomic(files_, copy, Bytes(bytes).first(*read)); !kept) return kept;
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  return (*file)->write_durable_at(tail.offset, bytes);
}

Result<void> Reader::repair() {
  DRUM_ASSERT(at_end_ && !failed_);
  for (TornTail& tail : torn_) {
    std::string copy = segment_path(folder_, tail.segment);
    copy.replace(copy.size() - 4, 4, ".torn-" + std::to_string(tail.offset));
    // An earlier crash at the same place keeps its copy.
    std::string name = copy;
    for (int i = 2; i < 100; ++i) {
      auto there = files_.exists(name);
      if (!there) return std::move(there).error();
      if (!*there) break;
      name = copy + "-" + std::to_string(i);
    }
    if (auto done = cut(tail, name); !done)
      return std::move(done).error().within("cutting a torn journal tail");
    tail.copy = name;
  }
  if (end_.segment == 0) return {};
  auto file = files_.open(segment_path(folder_, end_.segment), env::OpenMode::read_write);
  if (!file) return std::move(file).error();
  const u64 from = end_.offset > kSegmentHeaderBytes ? end_.last_write_offset : 0;
  std::vector<std::byte> bytes(end_.offset - from);
  auto read = (*file)->read_at(from, bytes);
  if (!read) return std::move(read).error();
  if (*read != bytes.size())
    return Error{ErrorCode::io, (*file)->path() + " became shorter while it was read"};
  return (*file)->write_durable_at(from, bytes);
}

}  // namespace drumline::journal
