// Makes batches durable off the tick thread: the tick fills one, hands it over and
// goes on; what was handed over is durable, in order, once durable_sequence() says so.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/histogram.hpp"
#include "base/spsc_ring.hpp"
#include "env/clock.hpp"
#include "env/wakeup.hpp"
#include "journal/writer.hpp"

namespace drumline::journal {

struct GroupCommitterOptions {
  u32 lanes = 1;                ///< tick threads that hand batches over, each in a lane of its own
  std::size_t outstanding = 8;  ///< batches of a lane in flight at most; a power of two
  std::size_t batch_bytes = 4 * 1024 * 1024;
  bool threaded = true;       ///< false: drive() does the work, for tests and the simulator
  int cpu = -1;               ///< pin the thread to this core; -1 leaves it free
  int realtime_priority = 0;  ///< SCHED_FIFO priority, 1 .. 99; 0 leaves it normal
  i64 probe_interval_ns = 250 * kMillisecondNs;  ///< how often a full disk is asked again
  i64 prune_interval_ns = 250 * kMillisecondNs;  ///< segments are let go at most this often
};

/// One tick thread a lane calls acquire() and submit(); anyone the rest.
class GroupCommitter {
 public:
  /// `on_durable` is called on the committing thread after durable_sequence() or
  /// state() changed; it must not block.
  /// With a thread, `clock` must be the system's.
  static Result<std::unique_ptr<GroupCommitter>> create(std::unique_ptr<Writer> writer,
                                                        const env::Clock& clock,
                                                        GroupCommitterOptions options,
                                                        std::function<void()> on_durable);
  /// Commits what was submitted, unless the journal refuses, and stops.
  ~GroupCommitter();

  /// An empty batch, or null when all are in flight: the disk does not keep up
  /// (or has no space), and the tick must wait for on_durable.
  Batch* acquire(u32 lane = 0);
  /// Hands an acquired batch over; batches of a lane are numbered from 1.
  u64 submit(Batch* batch, u32 lane = 0);

  u64 submitted_sequence(u32 lane = 0) const { return lanes_[lane]->submitted; }
  /// All batches of the lane up to this one are on stable storage.
  u64 durable_sequence(u32 lane = 0) const { return lanes_[lane]->durable.load(std::memory_order_acquire); }
  WriterState state() const { return state_.load(std::memory_order_acquire); }
  /// Why state() is not open.
  std::string reason() const;

  /// What is said last of a battle counts; segments in which nothing else is left go
  /// when the thread comes to it.
  void request_prune(const PruneUpTo& covered);

  /// Not threaded: does all that waits, on this thread.
  void drive();

  /// From taking a batch to its durability, ns; any thread may copy it.
  const Histogram& commit_latency_ns() const { return latency_; }
  u64 committed_bytes() const { return bytes_.load(std::memory_order_relaxed); }
  u64 space_bytes() const { return space_.load(std::memory_order_relaxed); }
  u64 fenced_segments() const { return fenced_.load(std::memory_order_relaxed); }
  u64 pruned_segments() const { return pruned_.load(std::memory_order_relaxed); }

 private:
  GroupCommitter(std::unique_ptr<Writer> writer, const env::Clock& clock, GroupCommitterOptions options,
                 std::function<void()> on_durable, env::Wakeup wakeup);
  struct Lane {
    explicit Lane(const GroupCommitterOptions& options);
    std::vector<std::unique_ptr<Batch>> batches;
    SpscRing<Batch*> free;
    SpscRing<Batch*> full;
    u64 submitted = 0;
    std::atomic<u64> durable{0};
  };

  void run();
  bool step();
  bool commit_next(Lane& lane);
  bool anything_submitted();
  void note(const Error* error);
  void prune();

  std::unique_ptr<Writer> writer_;
  const env::Clock& clock_;
  GroupCommitterOptions options_;
  std::function<void()> on_durable_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::size_t next_lane_ = 0;
  std::atomic<WriterState> state_;
  env::Wakeup wakeup_;  ///< for the thread: work, or stop
  std::atomic<bool> stopping_{false};
  TimeNs probe_at_ = 0;

  mutable std::mutex mutex_;  ///< for what is rare: reason_, prune_requests_
  std::string reason_;
  std::vector<PruneUpTo> prune_requests_;
  std::atomic<bool> prune_wanted_{false};
  // The thread's own.
  std::vector<PruneUpTo> pruning_;
  Coverage covered_;
  TimeNs prune_at_ = 0;

  Histogram latency_;
  std::atomic<u64> bytes_{0}, space_{0}, fenced_{0}, pruned_{0};
  std::thread thread_;
};

}  // namespace drumline::journal
