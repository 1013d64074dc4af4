#include "journal/group_committer.hpp"

#include "env/thread.hpp"

namespace drumline::journal {

namespace {

/// Requests that a tick may make before the thread takes them, without allocating.
constexpr std::size_t kPruneRequests = 4096;

}  // namespace

GroupCommitter::Lane::Lane(const GroupCommitterOptions& options)
    : free(options.outstanding), full(options.outstanding) {
  for (std::size_t i = 0; i < options.outstanding; ++i) {
    batches.push_back(std::make_unique<Batch>(options.batch_bytes));
    *free.try_reserve() = batches.back().get();
    free.commit();
  }
}

GroupCommitter::GroupCommitter(std::unique_ptr<Writer> writer, const env::Clock& clock,
                               GroupCommitterOptions options, std::function<void()> on_durable,
                               env::Wakeup wakeup)
    : writer_(std::move(writer)),
      clock_(clock),
      options_(options),
      on_durable_(std::move(on_durable)),
      state_(writer_->state()),
      wakeup_(std::move(wakeup)) {
  for (u32 i = 0; i < options.lanes; ++i) lanes_.push_back(std::make_unique<Lane>(options));
  prune_requests_.reserve(kPruneRequests);
  pruning_.reserve(kPruneRequests);
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

Batch* GroupCommitter::acquire(u32 lane) {
  Lane& from = *lanes_[lane];
  Batch** slot = from.free.front();
  if (slot == nullptr) return nullptr;
  Batch* batch = *slot;
  from.free.pop();
  return batch;
}

u64 GroupCommitter::submit(Batch* batch, u32 lane) {
  Lane& to = *lanes_[lane];
  Batch** slot = to.full.try_reserve();
  DRUM_ASSERT(slot != nullptr && batch != nullptr);
  *slot = batch;
  to.full.commit();
  ++to.submitted;
  if (options_.threaded) wakeup_.notify();
  return to.submitted;
}

std::string GroupCommitter::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void GroupCommitter::request_prune(const PruneUpTo& covered) {
  {
    const std::lock_guard lock(mutex_);
    prune_requests_.push_back(covered);
  }
  prune_wanted_.store(true, std::memory_order_release);
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
    pruning_.swap(prune_requests_);
  }
  for (const PruneUpTo& request : pruning_) covered_[request.battle] = request.tick;
  pruning_.clear();
  // A segment that could not go stays, and goes next time.
  if (const auto pruned = writer_->prune(covered_); pruned && *pruned > 0) {
    pruned_.fetch_add(*pruned, std::memory_order_relaxed);
    std::erase_if(covered_, [&](const auto& entry) {
      return entry.second == kBattleOver && !writer_->mentions(entry.first);
    });
  }
  space_.store(writer_->space_bytes(), std::memory_order_relaxed);
}

bool GroupCommitter::commit_next(Lane& lane) {
  Batch** slot = lane.full.front();
  if (slot == nullptr) return false;
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
  lane.full.pop();
  batch->clear();
  Batch** free_slot = lane.free.try_reserve();
  DRUM_ASSERT(free_slot != nullptr);
  *free_slot = batch;
  lane.free.commit();
  lane.durable.store(lane.durable.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (on_durable_) on_durable_();
  return true;
}

bool GroupCommitter::anything_submitted() {
  for (const auto& lane : lanes_) {
    if (lane->full.front() != nullptr) return true;
  }
  return false;
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
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[next_lane_];
    next_lane_ = (next_lane_ + 1) % lanes_.size();
    if (lane.full.front() != nullptr) return commit_next(lane);
  }
  if (clock_.now() >= prune_at_ && prune_wanted_.exchange(false, std::memory_order_acq_rel)) {
    prune_at_ = clock_.now() + options_.prune_interval_ns;
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
      if (!anything_submitted() || now != WriterState::open) return;
      continue;
    }
    (void)wakeup_.wait_until(now == WriterState::read_only ? probe_at_ : env::Wakeup::kForever);
  }
}

}  // namespace drumline::journal
