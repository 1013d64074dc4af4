// The one writer of a journal: takes batches, gives each to the disk in one
// durable write, and goes on to the next segment when one is full or failed.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "env/clock.hpp"
#include "env/file.hpp"
#include "journal/batch.hpp"
#include "journal/index.hpp"
#include "journal/segment_source.hpp"

namespace drumline::journal {

/// Where a journal ends, as a Reader found it; an empty journal has segment 0.
struct JournalEnd {
  u64 journal_id = 0;
  u32 segment = 0;
  u64 offset = 0;  ///< where the next record goes
  u64 segment_bytes = 0;
  u64 last_hash = 0;
  u64 last_write_offset = 0;  ///< where the last write began
};

enum class WriterState : u8 {
  open,
  read_only,  ///< no space: commits are refused until probe() finds some
  failed,     ///< the disk fails: nothing more can be made durable; the process must stop
};

/// One thread at a time, but for state(). What commit() refused stays in the batch.
class Writer {
 public:
  /// A new journal in an empty folder, which is made. `journal_id`: random, not 0.
  static Result<std::unique_ptr<Writer>> create(env::FileSystem& files, const env::Clock& clock,
                                                std::string folder, u64 journal_id, u64 segment_bytes,
                                                std::unique_ptr<SegmentSource> source);
  /// Goes on where a Reader, after repair(), found the end. `segment_bytes` is for the next segments.
  static Result<std::unique_ptr<Writer>> resume(env::FileSystem& files, const env::Clock& clock,
                                                std::string folder, const JournalEnd& end, JournalIndex index,
                                                u64 segment_bytes, std::unique_ptr<SegmentSource> source);
  /// Makes every record of the batch durable, in order, or says why not:
  /// exhausted (no space: state() is read_only, the same batch may be committed
  /// again after probe()), io (state() is failed), invalid_argument (a record
  /// larger than a segment). A failed write is never tried again in its place:
  /// its segment is left behind and the records go into a new one.
  Result<void> commit(Batch& batch);

  /// In state read_only: is there space again? Then the state is open.
  Result<void> probe();

  WriterState state() const { return state_.load(std::memory_order_acquire); }

  /// Gives up the oldest segments that hold nothing but what `covered` lets go. Returns how many.
  Result<std::size_t> prune(const Coverage& covered);

  JournalEnd end() const;
  /// Some segment still has records of the battle.
  bool mentions(BattleId battle) const { return index_.mentions(battle); }
  u64 committed_bytes() const { return committed_bytes_; }
  u64 commits() const { return commits_; }
  u64 fenced_segments() const { return fenced_; }
  /// Bytes that the journal's segments take on the disk, a prepared one not counted.
  u64 space_bytes() const { return index_.segments().size() * segment_bytes_; }

 private:
  Writer(const env::Clock& clock, std::string folder, u64 segment_bytes,
         std::unique_ptr<SegmentSource> source);
  Result<void> roll();
  Error refuse(Error error);
  std::size_t seal(Batch& batch, u64& hash);
  Result<std::size_t> write_some(Batch& batch);

  const env::Clock& clock_;
  std::string folder_;
  u64 segment_bytes_;
  std::unique_ptr<SegmentSource> source_;
  JournalIndex index_;

  std::unique_ptr<env::File> file_;  ///< null: the next write begins a new segment
  u64 journal_id_ = 0;
  u32 segment_ = 0;      ///< file_'s number, or of the last one that holds durable records
  u64 segment_end_ = 0;  ///< file_'s size
  u64 offset_ = 0;       ///< end of what is durable in segment_
  u64 last_hash_ = 0;
  u64 last_write_offset_ = 0;
  std::unique_ptr<env::File> next_;  ///< taken, its header not durable yet
  std::atomic<WriterState> state_ = WriterState::open;
  u64 committed_bytes_ = 0;
  u64 commits_ = 0;
  u64 fenced_ = 0;
};

}  // namespace drumline::journal
