#include "server/battle_shard.hpp"

#include <optional>
#include <string>

#include "base/allocations.hpp"
#include "env/thread.hpp"

namespace drumline::server {

Result<std::unique_ptr<BattleShard>> BattleShard::create(const BattleShardOptions& options,
                                                         std::unique_ptr<TickPipeline> pipeline,
                                                         const env::Clock& clock) {
  auto wakeup = env::Wakeup::create();
  if (!wakeup) return std::move(wakeup).error();
  return std::unique_ptr<BattleShard>(
      new BattleShard(options, std::move(pipeline), clock, std::move(*wakeup)));
}

BattleShard::BattleShard(const BattleShardOptions& options, std::unique_ptr<TickPipeline> pipeline,
                         const env::Clock& clock, env::Wakeup wakeup)
    : options_(options), pipeline_(std::move(pipeline)), clock_(clock), wakeup_(std::move(wakeup)) {}

BattleShard::~BattleShard() {
  stop();
}

void BattleShard::start() {
  thread_ = std::thread([this] { run(); });
}

void BattleShard::stop() {
  stopping_.store(true);
  wakeup_.notify();
  if (thread_.joinable()) thread_.join();
}

void BattleShard::on_durable() {
  if (waits_for_disk_.load(std::memory_order_acquire)) wakeup_.notify();
}

// The journal has as many ticks under way as it may: the world stands still until
// it makes progress, as nothing more could be shown anyway.
void BattleShard::wait_for_disk() {
  counters_.disk_waits.add();
  waits_for_disk_.store(true, std::memory_order_release);
  // Progress between the refusal and the flag would go unnoticed: look again soon.
  wakeup_.wait_until(clock_.now() + kMillisecondNs);
  waits_for_disk_.store(false, std::memory_order_release);
}

/// How long the next tick takes, which its battles are told.
i64 BattleShard::apply_pace() {
  const u32 percent = options_.overload != nullptr
                          ? options_.overload->pace_percent.load(std::memory_order_relaxed)
                          : world::kNormalPacePercent;
  pipeline_->set_pace(percent);
  return kTickNs * percent / world::kNormalPacePercent;
}

void BattleShard::run() {
  env::set_thread_name("battle-" + std::to_string(options_.index));
  env::set_timer_slack(1);
  if (options_.cpu >= 0) env::pin_thread(static_cast<u32>(options_.cpu));
  if (options_.realtime_priority > 0 && env::set_realtime_priority(options_.realtime_priority)) {
    counters_.realtime.set(1);
  }

  std::optional<env::Watchdog::Guard> guard;
  if (options_.watchdog != nullptr) pipeline_->set_guard(&guard.emplace(*options_.watchdog));

  TimeNs deadline = clock_.now() + kTickNs;
  while (!stopping_.load(std::memory_order_acquire)) {
    if (clock_.now() < deadline) {
      wakeup_.wait_until(deadline);
      continue;
    }
    const TimeNs started = clock_.now();
    const i64 tick_ns = apply_pace();
    const u64 allocations = thread_allocations();
    if (!pipeline_->run_tick()) {
      wait_for_disk();
      continue;
    }
    if (options_.on_tick) options_.on_tick();
    counters_.allocations.add(thread_allocations() - allocations);
    const i64 lateness_ns = started - deadline;
    counters_.lateness_ns.record(static_cast<u64>(lateness_ns));
    if (lateness_ns > tick_ns) counters_.late_ticks.add();
    deadline += tick_ns;
    const i64 behind_ns = started - deadline;
    if (behind_ns > i64{options_.max_ticks_behind} * tick_ns) {
      // Catching up would only make the backlog everybody's: time is left out instead.
      counters_.schedule_shifts.add();
      counters_.shifted_ns.add(static_cast<u64>(behind_ns));
      deadline += behind_ns;
    }
  }
  pipeline_->set_guard(nullptr);
}

}  // namespace drumline::server
