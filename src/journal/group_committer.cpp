#include "journal/group_committer.hpp"

#include "env/thread.hpp"

namespace drumline::journal {

GroupCommitter::GroupCommitter(std::unique_ptr<Writer> writer, const env::Clock& clock,
                               GroupCommitterOptions options, std::function<void()> on_durable,
                               env::Wakeup wakeup)
    : writer_(std::move(writer)),
      clock_(clock),
      options_(options),
      on_durable_(std::move(on_durable)),
      free_(options.outstanding),
      full_(options.outstanding),
      state_(writer_->state()),
      wakeup_(std::move(wakeup)) {
  for (std::size_t i = 0; i < options.outstanding; ++i) {
    batches_.push_back(std::make_unique<Batch>(options.batch_bytes));
    *free_.try_reserve() = batches_.back().get();
    free_.commit();
  }
  covered_.reserve(options.battles);
  pruning_.reserve(options.battles);
  space_.store(writer_->space_bytes(), std::memory_order_relaxed);
  if (options.threaded) thread_ = std::thread([this] { run(); });
}

Result<std::unique_ptr<GroupCommitter>> GroupCommitter::create(std::unique_ptr<Writer> writer,
                                                               const env::Clock& clock,
                                                               GroupCommitterOptions options,
                                                               std::function<void()> on_durable) {
  auto wakeup = env::Wakeup::create();
  if (!wakeup) return std::move(wakeup).error();
  return std::unique_ptr<GroupCommitter>(new GroupCommitter(
      std::move(writer), clock, options, std::move(on_durable), std::move(wakeup).value()));
}

GroupCommitter::~GroupCommitter() {
  if (!thread_.joinable()) {
    drive();
    return;
  }
  stopping_.store(true, std::memory_order_release);
  wakeup_.notify();
  thread_.join();
}

Batch* GroupCommitter::acquire() {
  Batch** slot = free_.front();
  if (slot == nullptr) return nullptr;
  Batch* batch = *slot;
  free_.pop();
  return batch;
}

u64 GroupCommitter::submit(Batch* batch) {
  Batch** slot = full_.try_reserve();
  DRUM_ASSERT(slot != nullptr && batch != nullptr);
  *slot = batch;
  full_.commit();
  ++submitted_;
  if (options_.threaded) wakeup_.notify();
  return submitted_;
}

std::string GroupCommitter::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void GroupCommitter::request_prune(std::span<const PruneUpTo> covered) {
  {
    const std::lock_guard lock(mutex_);
    covered_.assign(covered.begin(), covered.end());
  }
  prune_wanted_.store(true, std::memory_order_release);
  if (options_.threaded) wakeup_.notify();
}

void GroupCommitter::note(const Error* error) {
  const WriterState now = writer_->state();
  if (error != nullptr || now == WriterState::open) {
    const std::lock_guard lock(mutex_);
    reason_ = error != nullptr ? error->message : "";
  }
  if (now != state_.load(std::memory_order_relaxed)) {
    state_.store(now, std::memory_order_release);
    if (on_durable_) on_durable_();
  }
}

void GroupCommitter::prune() {
  {
    const std::lock_guard lock(mutex_);
    pruning_.assign(covered_.begin(), covered_.end());
  }
  // A segment that could not go stays, and goes next time.
  if (const auto pruned = writer_->prune(pruning_); pruned)
    pruned_.fetch_add(*pruned, std::memory_order_relaxed);
  space_.store(writer_->space_bytes(), std::memory_order_relaxed);
}

/// One batch, or what else waits. False when there is nothing to do now.
bool GroupCommitter::step() {
  if (state_.load(std::memory_order_relaxed) == WriterState::failed) return false;
  if (state_.load(std::memory_order_relaxed) == WriterState::read_only) {
    if (clock_.now() < probe_at_) return false;
    probe_at_ = clock_.now() + options_.probe_interval_ns;
    if (auto probed = writer_->probe(); !probed) {
      note(&probed.error());
      return false;
    }
    note(nullptr);
  }
  if (Batch** slot = full_.front(); slot != nullptr) {
    Batch* batch = *slot;
    const TimeNs begun = clock_.now();
    if (auto committed = writer_->commit(*batch); !committed) {
      probe_at_ = clock_.now() + options_.probe_interval_ns;
      if (writer_->state() == WriterState::open) {
        // A record that no segment can hold: the engine's bounds are wrong.
        DRUM_ASSERT(committed.error().code != ErrorCode::invalid_argument);
      }
      note(&committed.error());
      fenced_.store(writer_->fenced_segments(), std::memory_order_relaxed);
      return false;
    }
    latency_.record(static_cast<u64>(clock_.now() - begun));
    bytes_.store(writer_->committed_bytes(), std::memory_order_relaxed);
    space_.store(writer_->space_bytes(), std::memory_order_relaxed);
    fenced_.store(writer_->fenced_segments(), std::memory_order_relaxed);
    full_.pop();
    batch->clear();
    Batch** free_slot = free_.try_reserve();
    DRUM_ASSERT(free_slot != nullptr);
    *free_slot = batch;
    free_.commit();
    durable_.store(durable_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (on_durable_) on_durable_();
    return true;
  }
  if (prune_wanted_.exchange(false, std::memory_order_acq_rel)) {
    prune();
    return true;
  }
  return false;
}

void GroupCommitter::drive() {
  while (step()) {
  }
}

void GroupCommitter::run() {
  env::set_thread_name("journal");
  (void)env::set_timer_slack(1);
  // Neither pin nor rank is needed for correctness.
  if (options_.cpu >= 0) (void)env::pin_thread(static_cast<u32>(options_.cpu));
  if (options_.realtime_priority > 0) (void)env::set_realtime_priority(options_.realtime_priority);
  for (;;) {
    while (step()) {
    }
    const WriterState now = state_.load(std::memory_order_relaxed);
    if (stopping_.load(std::memory_order_acquire)) {
      if (full_.front() == nullptr || now != WriterState::open) return;
      continue;
    }
    (void)wakeup_.wait_until(now == WriterState::read_only ? probe_at_ : env::Wakeup::kForever);
  }
}

}  // namespace drumline::journal
