#include "snapshot/writer.hpp"

#include "env/thread.hpp"

namespace drumline::snapshot {

SnapshotWriter::SnapshotWriter(SnapshotStore store, SnapshotPolicy policy, std::size_t outstanding,
                               const SnapshotRoom& room, env::Wakeup wakeup)
    : store_(std::move(store)),
      policy_(policy),
      full_(outstanding),
      done_(outstanding),
      wakeup_(std::move(wakeup)) {
  for (std::size_t i = 0; i < outstanding; ++i) {
    jobs_.push_back(std::make_unique<SnapshotJob>());
    jobs_.back()->info.reserve(room.info_bytes);
    jobs_.back()->content.reserve(room.content_bytes);
    free_.push_back(jobs_.back().get());
  }
}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::create(SnapshotStore store, SnapshotPolicy policy,
                                                               std::size_t outstanding,
                                                               const SnapshotRoom& room, bool threaded) {
  auto wakeup = env::Wakeup::create();
  if (!wakeup) return std::move(wakeup).error();
  std::unique_ptr<SnapshotWriter> writer(
      new SnapshotWriter(std::move(store), policy, outstanding, room, std::move(wakeup).value()));
  if (threaded) writer->thread_ = std::thread([raw = writer.get()] { raw->run(); });
  return writer;
}

SnapshotWriter::~SnapshotWriter() {
  if (!thread_.joinable()) {
    drive();
    return;
  }
  stopping_.store(true, std::memory_order_release);
  wakeup_.notify();
  thread_.join();
}

SnapshotJob* SnapshotWriter::acquire() {
  if (free_.empty()) {
    skipped_.add();
    return nullptr;
  }
  SnapshotJob* job = free_.back();
  free_.pop_back();
  return job;
}

void SnapshotWriter::submit(SnapshotJob* job) {
  SnapshotJob** slot = full_.try_reserve();
  DRUM_ASSERT(slot != nullptr);
  *slot = job;
  full_.commit();
  if (thread_.joinable()) wakeup_.notify();
}

std::optional<SnapshotDone> SnapshotWriter::poll() {
  Finished* finished = done_.front();
  if (finished == nullptr) return std::nullopt;
  std::optional<SnapshotDone> done = std::move(finished->done);
  free_.push_back(finished->job);
  done_.pop();
  return done;
}

bool SnapshotWriter::step() {
  SnapshotJob** slot = full_.front();
  if (slot == nullptr) return false;
  SnapshotJob* job = *slot;
  full_.pop();
  SnapshotDone done;
  done.header = job->header;
  if (job->remove_all) {
    done.removed = true;
    // What could not be removed is found again as a battle's that is over, and harms nobody.
    (void)store_.remove_all(job->header.battle);
    finish(job, std::move(done));
    return true;
  }
  done.header.content_bytes = job->content.size();
  done.header.content_hash = content_hash(job->content);
  done.header.info_bytes = static_cast<u32>(job->info.size());
  if (auto written = store_.write(done.header, job->info, job->content); written) {
    written_.add();
    done.name = std::move(written).value();
    // What could not be pruned now goes after the next snapshot.
    if (auto kept = store_.prune(job->header.battle, policy_.keep); kept) done.oldest_kept = *kept;
  } else {
    failed_.add();
    done.error = std::move(written).error();
  }
  finish(job, std::move(done));
  return true;
}

void SnapshotWriter::finish(SnapshotJob* job, SnapshotDone done) {
  job->remove_all = false;
  Finished* finished = done_.try_reserve();
  DRUM_ASSERT(finished != nullptr);
  finished->job = job;
  finished->done = std::move(done);
  done_.commit();
}

void SnapshotWriter::drive() {
  while (step()) {
  }
}

void SnapshotWriter::run() {
  env::set_thread_name("snapshot");
  while (true) {
    while (step()) {
    }
    if (stopping_.load(std::memory_order_acquire)) {
      if (full_.front() == nullptr) return;
      continue;
    }
    (void)wakeup_.wait_until(env::Wakeup::kForever);
  }
}

}  // namespace drumline::snapshot
