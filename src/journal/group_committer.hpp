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
  std::size_t outstanding = 8;  ///< batches in flight at most; a power of two
  std::size_t batch_bytes = 4 * 1024 * 1024;
  std::size_t battles = 64;   ///< room for so many in request_prune(); more are taken, and allocated for
  bool threaded = true;       ///< false: drive() does the work, for tests and the simulator
  int cpu = -1;               ///< pin the thread to this core; -1 leaves it free
  int realtime_priority = 0;  ///< SCHED_FIFO priority, 1 .. 99; 0 leaves it normal
  i64 probe_interval_ns = 250 * kMillisecondNs;  ///< how often a full disk is asked again
};

/// One tick thread calls acquire(), submit() and request_prune(); anyone the rest.
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
  Batch* acquire();
  /// Hands an acquired batch over; batches are numbered from 1.
  u64 submit(Batch* batch);

  u64 submitted_sequence() const { return submitted_; }
  /// All batches up to this one are on stable storage.
  u64 durable_sequence() const { return durable_.load(std::memory_order_acquire); }
  WriterState state() const { return state_.load(std::memory_order_acquire); }
  /// Why state() is not open.
  std::string reason() const;

  /// Lets segments go that `covered` covers, when the thread comes to it.
  /// Each call names all that is covered, as the newest one is what counts.
  void request_prune(std::span<const PruneUpTo> covered);

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
  void run();
  bool step();
  void note(const Error* error);
  void prune();

  std::unique_ptr<Writer> writer_;
  const env::Clock& clock_;
  GroupCommitterOptions options_;
  std::function<void()> on_durable_;
  std::vector<std::unique_ptr<Batch>> batches_;
  SpscRing<Batch*> free_;
  SpscRing<Batch*> full_;
  u64 submitted_ = 0;
  std::atomic<u64> durable_{0};
  std::atomic<WriterState> state_;
  env::Wakeup wakeup_;  ///< for the thread: work, or stop
  std::atomic<bool> stopping_{false};
  TimeNs probe_at_ = 0;

  mutable std::mutex mutex_;  ///< for what is rare: reason_, covered_
  std::string reason_;
  std::vector<PruneUpTo> covered_;
  std::vector<PruneUpTo> pruning_;  ///< the thread's copy, its memory reused
  std::atomic<bool> prune_wanted_{false};

  Histogram latency_;
  std::atomic<u64> bytes_{0}, space_{0}, fenced_{0}, pruned_{0};
  std::thread thread_;
};

}  // namespace drumline::journal
