// Reads a journal from its first record to its last, and believes nothing: every
// record's checksum, place, chain and epoch are checked. Damage anywhere but in
// what a crash can leave at the very end is an error that names the place.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "env/file.hpp"
#include "journal/index.hpp"
#include "journal/writer.hpp"

namespace drumline::journal {

/// What a crash left half written at the end, which no acknowledgement covered.
struct TornTail {
  u32 segment = 0;
  u64 offset = 0;
  u64 bytes = 0;
  std::string reason;
  std::string copy;  ///< where repair() kept the bytes; empty before
};

/// One thread at a time.
class Reader {
 public:
  /// Opens every segment of `folder` and checks how they follow each other. A
  /// missing or empty folder is an empty journal. Errors: corrupt, malformed,
  /// mismatch (each with file and reason), io.
  static Result<std::unique_ptr<Reader>> open(env::FileSystem& files, std::string folder);

  /// The next record, or null at the end. The record and its payload are valid
  /// until the next call. After an error, only errors follow.
  Result<const Record*> next();

  /// After next() returned null: where the journal ends.
  const JournalEnd& end() const { return end_; }
  const JournalIndex& index() const { return index_; }
  const std::vector<TornTail>& torn() const { return torn_; }
  /// Records and bytes read so far.
  u64 record_count() const { return records_; }
  u64 byte_count() const { return bytes_; }
  /// How far through the journal's files, 0 .. 1.
  double progress() const;

  /// After next() returned null, and before a Writer resumes here: keeps a copy of
  /// each torn tail beside its segment (NNNNNNNN.torn-<offset>) and zeroes it, and
  /// writes the last write once more, as a crashed writer may have left it in
  /// memory only.
  Result<void> repair();

 private:
  struct Segment {
    u32 number = 0;
    std::string path;
    std::unique_ptr<env::File> file;
    u64 size = 0;
    SegmentHeader header;
  };

  Reader(env::FileSystem& files, std::string folder) : files_(files), folder_(std::move(folder)) {}
  Result<void> open_segments();
  Result<bool> drop_unstarted(Segment& segment, const Error& reason);
  Result<Bytes> view(u64 offset, std::size_t wanted);
  Result<void> check(const Record& record);
  Result<bool> next_segment();
  Result<void> finish(u64 offset, std::string reason);
  Error damage(u64 offset, const std::string& reason) const;
  Result<void> cut(const TornTail& tail, const std::string& copy);

  env::FileSystem& files_;
  std::string folder_;
  std::vector<Segment> segments_;
  std::size_t current_ = 0;
  u64 offset_ = kSegmentHeaderBytes;
  u64 limit_ = 0;  ///< records of the current segment end here at the latest
  u64 write_offset_ = 0;
  u64 hash_ = 0;
  u64 segment_records_ = 0;
  u64 records_ = 0;
  u64 bytes_ = 0;
  bool at_end_ = false;
  bool failed_ = false;
  Error failure_;

  std::vector<std::byte> buffer_;
  u64 buffer_at_ = 0;  ///< offset of buffer_'s first byte in the current segment
  std::size_t buffered_ = 0;

  Record record_;
  JournalEnd end_;
  JournalIndex index_;
  std::vector<TornTail> torn_;
  std::unordered_map<BattleId, Epoch> epochs_;
};

}  // namespace drumline::journal
