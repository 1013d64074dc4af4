// Reads a recording and believes nothing: every block's checksum, number and tick are
// checked, and damage is told with its offset. A recording without its index is read
// as far as its blocks hold.
#pragma once

#include <functional>
#include <memory>

#include "env/file.hpp"
#include "recording/format.hpp"
#include "recording/history.hpp"

namespace drumline::recording {

class RecordingReader final : public History {
 public:
  /// An error when the header, the battle or the first state does not hold: nothing can
  /// be played then. Other damage is in damage(), and last_tick() is before it when the
  /// index is missing.
  static Result<std::unique_ptr<RecordingReader>> open(env::FileSystem& files, const std::string& path);

  const RecordingHeader& header() const { return header_; }
  u64 file_bytes() const { return size_; }
  /// False when the end is missing, and with it the index.
  bool complete() const { return complete_; }
  /// Of the battle as created, where the recording begins at its creation; else 0.
  u64 created_hash() const { return created_hash_; }

  /// A block of a damaged place is passed over: load_state fails, read_tick goes on from
  /// an older state, and the tick in it cannot be read.
  Result<StoredState> load_state(Tick tick) override;
  Result<void> read_tick(Tick tick, battle::TickRecord& out) override;

  /// Calls `visit` for every block in order, and `damaged` for every place that does not
  /// hold. Goes on after a damaged block when another one follows where it says it ends.
  Result<void> for_each_block(const std::function<void(const Block&)>& visit,
                              const std::function<void(const Damage&)>& damaged);

 private:
  RecordingReader(std::unique_ptr<env::File> file, u64 size) : file_(std::move(file)), size_(size) {}

  /// A block that was looked for: it holds, or `why` says what does not.
  struct Found {
    Block block;
    u64 next = 0;  ///< where the next one stands; 0 when nobody can say
    bool is_whole = false;
    std::string why;
  };
  Result<Found> block_at(u64 offset);
  Result<bool> follows(u64 offset, u32 number);
  Result<Bytes> view(u64 offset, u64 size);
  Result<void> read_beginning();
  Result<bool> read_index();
  Result<void> scan();
  Error damaged_at(u64 offset, const std::string& what) const;

  std::unique_ptr<env::File> file_;
  u64 size_;
  RecordingHeader header_;
  u64 created_hash_ = 0;
  bool complete_ = false;
  u64 end_ = 0;                      ///< offset at which the ticks end
  std::vector<IndexEntry> entries_;  ///< of stored_ticks_, in their order

  /// The next tick to read without going back, and where its block or one before it stands.
  Tick cursor_tick_ = 0;
  u64 cursor_ = 0;

  std::vector<std::byte> buffer_;
  u64 buffer_at_ = 0;
};

}  // namespace drumline::recording
