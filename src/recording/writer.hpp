// Writes a recording while its battle is stepped.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/file.hpp"
#include "recording/format.hpp"
#include "recording/history.hpp"

namespace drumline::recording {

struct WriterOptions {
  u32 snapshot_every = kDefaultSnapshotEvery;  ///< ticks from one whole state to the next, from 1
  Origin origin = own_origin();
};

/// One thread. The file is made under "<path>.new" and gets its name in finish(). Without
/// that, what is there is a recording without its index, as a crash leaves it; the
/// destructor removes it.
class RecordingWriter {
 public:
  /// Begins in the state in which the battle is.
  static Result<std::unique_ptr<RecordingWriter>> begin(env::FileSystem& files, std::string path,
                                                        const battle::Battle& battle,
                                                        const WriterOptions& options = {});
  ~RecordingWriter();
  RecordingWriter(const RecordingWriter&) = delete;
  RecordingWriter& operator=(const RecordingWriter&) = delete;

  /// The tick that the battle just stepped; ticks follow each other without gaps (asserted).
  Result<void> add(const battle::Battle& battle, const battle::TickOutcome& outcome);

  /// Index, trailer, sync, name. Nothing may follow.
  Result<void> finish();

  u64 bytes() const { return offset_ + buffer_.size(); }
  Tick last_tick() const { return index_.last_tick; }

 private:
  RecordingWriter(env::FileSystem& files, std::string path, u32 snapshot_every)
      : files_(files), path_(std::move(path)), snapshot_every_(snapshot_every) {}
  std::string making() const { return path_ + ".new"; }
  Result<void> put(BlockKind kind, Tick tick, Bytes payload);
  Result<void> put_snapshot(const battle::Battle& battle);
  Result<void> flush();

  env::FileSystem& files_;
  std::string path_;
  u32 snapshot_every_;
  std::unique_ptr<env::File> file_;
  std::vector<std::byte> buffer_;  ///< of what is not written yet
  u64 offset_ = 0;                 ///< of the buffer's first byte
  Index index_;
  std::vector<std::byte> scratch_;
};

}  // namespace drumline::recording
