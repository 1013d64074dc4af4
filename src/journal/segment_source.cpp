#include "journal/segment_source.hpp"

#include <algorithm>

namespace drumline::journal {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;

}  // namespace

InlineSegmentSource::InlineSegmentSource(env::FileSystem& files, std::string folder, u64 segment_bytes,
                                         u32 spares)
    : files_(files),
      folder_(std::move(folder)),
      segment_bytes_(segment_bytes),
      spares_(spares),
      zeros_(std::make_unique<std::byte[]>(kChunkBytes)) {
  DRUM_ASSERT(segment_bytes_ >= kMinSegmentBytes && segment_bytes_ <= kMaxSegmentBytes);
}

Result<void> InlineSegmentSource::find_spare(const std::string& as) {
  auto names = files_.list(folder_);
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    if (!name.ends_with(".spare")) continue;
    return files_.rename(folder_ + "/" + name, as);
  }
  return {};
}

Result<std::unique_ptr<env::File>> InlineSegmentSource::take(u32 number) {
  const std::string path = segment_path(folder_, number);
  const std::string making = path + ".new";
  // A spare keeps its blocks; its old records go before it has a segment's name again.
  if (auto found = find_spare(making); !found) return std::move(found).error();
  auto there = files_.exists(making);
  if (!there) return std::move(there).error();
  auto file = files_.open(making, *there ? env::OpenMode::read_write : env::OpenMode::create_truncate);
  if (!file) return std::move(file).error();
  Result<void> done;
  for (u64 at = 0; at < segment_bytes_ && done.ok(); at += kChunkBytes) {
    const auto size = static_cast<std::size_t>(std::min<u64>(kChunkBytes, segment_bytes_ - at));
    done = (*file)->write_at(at, {zeros_.get(), size});
  }
  if (done) done = (*file)->truncate(segment_bytes_);
  if (done) done = (*file)->sync();
  file->reset();
  if (done) done = files_.rename(making, path);
  if (done) done = files_.sync_folder(folder_);
  if (!done) {
    // What was half made would hold the space that is missing.
    (void)files_.remove(making);
    return std::move(done).error().within("preparing journal segment " + path);
  }
  return files_.open(path, env::OpenMode::read_write);
}

Result<void> InlineSegmentSource::retire(u32 number) {
  const std::string path = segment_path(folder_, number);
  auto names = files_.list(folder_);
  if (!names) return std::move(names).error();
  const auto spares = std::count_if(names->begin(), names->end(),
                                    [](const std::string& name) { return name.ends_with(".spare"); });
  auto done = static_cast<u32>(spares) < spares_ ? files_.rename(path, path + ".spare") : files_.remove(path);
  if (!done) return done;
  return files_.sync_folder(folder_);
}

ThreadedSegmentSource::ThreadedSegmentSource(env::FileSystem& files, std::string folder, u64 segment_bytes,
                                             u32 spares)
    : source_(files, std::move(folder), segment_bytes, spares),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ThreadedSegmentSource::~ThreadedSegmentSource() {
  thread_.request_stop();
  changed_.notify_all();
}

Result<std::unique_ptr<env::File>> ThreadedSegmentSource::take(u32 number) {
  std::unique_lock lock(mutex_);
  wanted_ = 0;
  changed_.wait(lock, [this] { return !busy_; });
  if (made_ == number) {
    made_ = 0;
    return std::move(file_);
  }
  busy_ = true;
  lock.unlock();
  auto file = source_.take(number);
  lock.lock();
  busy_ = false;
  changed_.notify_all();
  return file;
}

void ThreadedSegmentSource::prepare(u32 number) {
  const std::lock_guard lock(mutex_);
  if (made_ == number || making_ == number) return;
  wanted_ = number;
  changed_.notify_all();
}

Result<void> ThreadedSegmentSource::retire(u32 number) {
  const std::lock_guard lock(mutex_);
  retired_.push_back(number);
  changed_.notify_all();
  return {};
}

void ThreadedSegmentSource::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    changed_.wait(lock, stop, [this] { return !busy_ && (wanted_ != 0 || !retired_.empty()); });
    if (stop.stop_requested()) return;
    busy_ = true;
    if (!retired_.empty()) {
      const u32 number = retired_.front();
      retired_.erase(retired_.begin());
      lock.unlock();
      // A segment that stays is space lost, not data; the next start prunes it.
      (void)source_.retire(number);
      lock.lock();
    } else {
      making_ = wanted_;
      wanted_ = 0;
      lock.unlock();
      auto file = source_.take(making_);
      lock.lock();
      // A failure shows when the writer takes the segment and tries again itself.
      if (file) {
        file_ = std::move(file).value();
        made_ = making_;
      }
      making_ = 0;
    }
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace drumline::journal
