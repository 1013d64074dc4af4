// Where a writer's fresh segments come from, and where its old ones go: files
// pre-written with zeros, so that a durable write later moves data only.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "env/file.hpp"
#include "journal/format.hpp"

namespace drumline::journal {

class SegmentSource {
 public:
  virtual ~SegmentSource() = default;
  /// The segment's file, all zeros, durable under its name. Makes it now if it
  /// was not made ahead. Replaces a file of that name.
  virtual Result<std::unique_ptr<env::File>> take(u32 number) = 0;
  /// A hint that `number` will be taken next.
  virtual void prepare(u32 number) = 0;
  /// The segment is not needed any more: kept as a spare, or removed.
  virtual Result<void> retire(u32 number) = 0;
};

/// Does everything when it is asked, on the caller's thread: tests, the
/// simulator, and what ThreadedSegmentSource calls.
class InlineSegmentSource final : public SegmentSource {
 public:
  /// `spares`: how many retired segments are kept for reuse.
  InlineSegmentSource(env::FileSystem& files, std::string folder, u64 segment_bytes, u32 spares = 1);
  Result<std::unique_ptr<env::File>> take(u32 number) override;
  void prepare(u32) override {}
  Result<void> retire(u32 number) override;

 private:
  Result<void> find_spare(const std::string& as);

  env::FileSystem& files_;
  std::string folder_;
  u64 segment_bytes_;
  u32 spares_;
  std::unique_ptr<std::byte[]> zeros_;
};

/// Prepares and retires on a thread of its own; `files` must allow that.
class ThreadedSegmentSource final : public SegmentSource {
 public:
  ThreadedSegmentSource(env::FileSystem& files, std::string folder, u64 segment_bytes, u32 spares = 1);
  ~ThreadedSegmentSource() override;
  Result<std::unique_ptr<env::File>> take(u32 number) override;
  void prepare(u32 number) override;
  Result<void> retire(u32 number) override;

 private:
  void run(const std::stop_token& stop);

  InlineSegmentSource source_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  u32 wanted_ = 0;  ///< asked for and not begun; 0 none
  u32 making_ = 0;  ///< being made; 0 none
  u32 made_ = 0;    ///< lies ready in file_; 0 none
  std::unique_ptr<env::File> file_;
  std::vector<u32> retired_;
  bool busy_ = false;  ///< the thread is inside source_
  std::jthread thread_;
};

}  // namespace drumline::journal
