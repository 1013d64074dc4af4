// The thread of one battle shard: ticks at absolute deadlines, start + n × 16 ms; on the
// overload ladder's last rung ticks take longer, by a pace that each battle journals.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "base/histogram.hpp"
#include "battle/overload_ladder.hpp"
#include "env/clock.hpp"
#include "env/wakeup.hpp"
#include "server/tick_pipeline.hpp"

namespace drumline::server {

struct BattleShardOptions {
  u32 index = 0;
  int cpu = -1;                                     ///< -1: not pinned
  int realtime_priority = 0;                        ///< SCHED_FIFO priority; 0: normal
  u32 max_ticks_behind = 2;                         ///< further behind, the schedule is moved
  const battle::OverloadState* overload = nullptr;  ///< for the pace; outlives the shard; null: always normal
  env::Watchdog* watchdog = nullptr;  ///< keeps rules in bounds; outlives the shard; null: nothing does
  std::function<void()> on_tick;      ///< after each tick, on the shard's thread; must not block; may be null
};

/// Counted on the shard's thread, read by any.
struct ShardCounters {
  Histogram lateness_ns;    ///< from a tick's deadline to its start
  Counter late_ticks;       ///< started more than a whole tick after their deadline
  Counter schedule_shifts;  ///< the schedule was moved: no tick is left out, but time is
  Counter shifted_ns;
  Counter allocations;  ///< heap allocations made in ticks
  Counter disk_waits;   ///< a tick waited for the journal
  Gauge realtime;       ///< 1: the thread has real-time priority
};

class BattleShard {
 public:
  static Result<std::unique_ptr<BattleShard>> create(const BattleShardOptions& options,
                                                     std::unique_ptr<TickPipeline> pipeline,
                                                     const env::Clock& clock);
  ~BattleShard();

  void start();
  /// Any thread: the journal made progress.
  void on_durable();
  /// Any thread. Finishes the tick under way and ends the thread.
  void stop();

  /// Any thread.
  const TickPipeline& pipeline() const { return *pipeline_; }
  const ShardCounters& counters() const { return counters_; }

 private:
  BattleShard(const BattleShardOptions& options, std::unique_ptr<TickPipeline> pipeline,
              const env::Clock& clock, env::Wakeup wakeup);
  void run();
  void wait_for_disk();
  i64 apply_pace();

  BattleShardOptions options_;
  std::unique_ptr<TickPipeline> pipeline_;
  const env::Clock& clock_;
  env::Wakeup wakeup_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> waits_for_disk_{false};
  ShardCounters counters_;
  std::thread thread_;
};

}  // namespace drumline::server
