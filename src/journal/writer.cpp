#include "journal/writer.hpp"

#include <cstring>

namespace drumline::journal {
namespace {

/// Segments left behind in one commit before the disk is given up.
constexpr int kMaxFences = 3;

Result<void> check_segment_bytes(u64 segment_bytes) {
  if (segment_bytes >= kMinSegmentBytes && segment_bytes <= kMaxSegmentBytes && segment_bytes % 4096 == 0) {
    return {};
  }
  return Error{ErrorCode::invalid_argument,
               "a journal segment of " + std::to_string(segment_bytes) +
                   " bytes: it must be a multiple of 4096 from 65536 to 1073741824"};
}

}  // namespace

Writer::Writer(const env::Clock& clock, std::string folder, u64 segment_bytes,
               std::unique_ptr<SegmentSource> source)
    : clock_(clock), folder_(std::move(folder)), segment_bytes_(segment_bytes), source_(std::move(source)) {}

Result<std::unique_ptr<Writer>> Writer::create(env::FileSystem& files, const env::Clock& clock,
                                               std::string folder, u64 journal_id, u64 segment_bytes,
                                               std::unique_ptr<SegmentSource> source) {
  DRUM_ASSERT(journal_id != 0 && source != nullptr);
  if (auto fit = check_segment_bytes(segment_bytes); !fit) return std::move(fit).error();
  if (auto made = files.make_folder(folder); !made) return std::move(made).error();
  std::unique_ptr<Writer> writer(new Writer(clock, std::move(folder), segment_bytes, std::move(source)));
  writer->journal_id_ = journal_id;
  writer->last_hash_ = journal_id;
  if (auto rolled = writer->roll(); !rolled) return std::move(rolled).error();
  return writer;
}

Result<std::unique_ptr<Writer>> Writer::resume(env::FileSystem& files, const env::Clock& clock,
                                               std::string folder, const JournalEnd& end, JournalIndex index,
                                               u64 segment_bytes, std::unique_ptr<SegmentSource> source) {
  DRUM_ASSERT(end.segment != 0 && source != nullptr);
  if (auto fit = check_segment_bytes(segment_bytes); !fit) return std::move(fit).error();
  auto file = files.open(segment_path(folder, end.segment), env::OpenMode::read_write);
  if (!file) return std::move(file).error();
  std::unique_ptr<Writer> writer(new Writer(clock, std::move(folder), segment_bytes, std::move(source)));
  writer->index_ = std::move(index);
  writer->file_ = std::move(file).value();
  writer->journal_id_ = end.journal_id;
  writer->segment_ = end.segment;
  writer->segment_end_ = end.segment_bytes;
  writer->offset_ = end.offset;
  writer->last_hash_ = end.last_hash;
  writer->last_write_offset_ = end.last_write_offset;
  writer->source_->prepare(end.segment + 1);
  return writer;
}

/// Takes the segment after segment_; its header goes out with its first records.
Result<void> Writer::roll() {
  auto taken = source_->take(segment_ + 1);
  if (!taken) return std::move(taken).error();
  next_ = std::move(taken).value();
  file_.reset();
  return {};
}

Error Writer::refuse(Error error) {
  state_.store(error.code == ErrorCode::exhausted ? WriterState::read_only : WriterState::failed,
               std::memory_order_release);
  return error;
}

Result<void> Writer::probe() {
  if (state() != WriterState::read_only) return {};
  if (next_ == nullptr) {
    if (auto rolled = roll(); !rolled) return refuse(std::move(rolled).error());
  }
  state_.store(WriterState::open, std::memory_order_release);
  return {};
}

/// Seals the records that one write can take from batch.durable_ on; returns their
/// bytes, 0 when not one fits into what is left of the segment.
std::size_t Writer::seal(Batch& batch, u64& hash) {
  const bool begins = next_ != nullptr;
  const u32 number = begins ? segment_ + 1 : segment_;
  const u64 at = begins ? kSegmentHeaderBytes : offset_;
  const u64 room = (begins ? segment_bytes_ : segment_end_) - at;
  const auto write_offset = static_cast<u32>(begins ? 0 : at);
  std::size_t size = 0;
  while (batch.durable_ + size < batch.size_) {
    std::byte* record = batch.record_at(batch.durable_ + size);
    const std::size_t bytes = framed_record_bytes({record, batch.size_ - batch.durable_ - size});
    DRUM_ASSERT(bytes != 0);
    if (size + bytes > room) break;
    hash = seal_record({record, bytes}, number, write_offset, hash);
    size += bytes;
  }
  return size;
}

/// One durable write of as many records as the segment takes. Returns the bytes.
Result<std::size_t> Writer::write_some(Batch& batch) {
  u64 hash = last_hash_;
  const std::size_t size = seal(batch, hash);
  if (size == 0) return std::size_t{0};
  std::byte* first = batch.record_at(batch.durable_);
  const bool begins = next_ != nullptr;
  Bytes bytes{first, size};
  if (begins) {
    // The room before the first record, or the end of one that is durable already.
    first -= kSegmentHeaderBytes;
    encode_segment_header({.number = segment_ + 1,
                           .journal_id = journal_id_,
                           .segment_bytes = segment_bytes_,
                           .created_wall_ns = clock_.wall_now(),
                           .previous_hash = last_hash_,
                           .previous_end = segment_ == 0 ? 0 : offset_},
                          std::span<std::byte, kSegmentHeaderBytes>(first, kSegmentHeaderBytes));
    bytes = {first, kSegmentHeaderBytes + size};
  }
  const u64 at = begins ? 0 : offset_;
  auto written = (begins ? *next_ : *file_).write_durable_at(at, bytes);
  if (!written) return std::move(written).error();
  if (begins) {
    file_ = std::move(next_);
    ++segment_;
    segment_end_ = segment_bytes_;
    index_.begin_segment(segment_);
    source_->prepare(segment_ + 1);
  }
  offset_ = at + bytes.size();
  last_hash_ = hash;
  last_write_offset_ = at;
  committed_bytes_ += bytes.size();
  for (std::size_t i = 0; i < size;) {
    const Bytes record{batch.record_at(batch.durable_ + i), size - i};
    index_.add(record_info(record));
    i += framed_record_bytes(record);
  }
  return size;
}

Result<void> Writer::commit(Batch& batch) {
  int fences = 0;
  while (batch.durable_ < batch.size_) {
    if (state() == WriterState::read_only) {
      return Error{ErrorCode::exhausted,
                   "the journal in " + folder_ + " is read-only: no space on the disk; free some"};
    }
    if (state() == WriterState::failed) {
      return Error{ErrorCode::io,
                   "the journal in " + folder_ + " has failed: stop, mend the disk, and recover"};
    }
    auto written = write_some(batch);
    if (written && *written > 0) {
      batch.durable_ += *written;
      continue;
    }
    if (written && next_ != nullptr) {
      return Error{ErrorCode::invalid_argument, "a journal record is larger than a segment of " +
                                                    std::to_string(segment_bytes_) + " bytes"};
    }
    if (!written) {
      // What the failed range holds is unknown from here on. Whatever of it is
      // in segment_ lies after offset_, which the next header declares void; a
      // segment whose very header failed is replaced whole.
      ++fenced_;
      next_.reset();
      file_.reset();
      if (++fences > kMaxFences) return refuse(std::move(written).error());
    }
    if (auto rolled = roll(); !rolled) {
      // A disk that refuses a new segment as well leaves nowhere to write.
      return refuse(std::move(rolled).error());
    }
  }
  ++commits_;
  return {};
}

Result<std::size_t> Writer::prune(const Coverage& covered) {
  const std::size_t count = index_.prunable(covered);
  for (std::size_t i = 0; i < count; ++i) {
    if (auto gone = source_->retire(index_.segments()[i].number); !gone) {
      index_.drop_oldest(i);
      return std::move(gone).error();
    }
  }
  index_.drop_oldest(count);
  return count;
}

JournalEnd Writer::end() const {
  return {journal_id_, segment_, offset_, segment_end_, last_hash_, last_write_offset_};
}

}  // namespace drumline::journal
