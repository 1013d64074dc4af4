#include "server/overload_watch.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "env/thread.hpp"

namespace drumline::server {
namespace {

constexpr auto kLookPeriod = std::chrono::milliseconds(250);

battle::Punctuality punctuality(const Histogram& times, i64 bound_ns) {
  return {times.count(), times.count_above(static_cast<u64>(bound_ns)),
          times.count_above(static_cast<u64>(bound_ns / 2))};
}

}  // namespace

OverloadWatch::OverloadWatch(const battle::OverloadSettings& settings, battle::OverloadState& state,
                             std::function<LoadFigures()> figures, const env::Clock& clock)
    : settings_(settings), state_(state), figures_(std::move(figures)), clock_(clock), ladder_(settings) {
  counters_.pace_percent.set(ladder_.pace_percent());
}

OverloadWatch::~OverloadWatch() {
  stop();
}

void OverloadWatch::start() {
  before_ = figures_();
  thread_ = std::thread([this] { run(); });
}

void OverloadWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string OverloadWatch::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void OverloadWatch::run() {
  env::set_thread_name("overload");
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookPeriod, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void OverloadWatch::look() {
  LoadFigures figures = figures_();
  battle::LoadSample sample;
  sample.ticks = punctuality(figures.lateness_ns.since(before_.lateness_ns), settings_.lateness_bound_ns);
  sample.frames = punctuality(figures.delivery_ns.since(before_.delivery_ns), settings_.delivery_bound_ns);
  // One that takes longer than from look to look would be seen only when it is over.
  if (figures.longest_under_way_ns > settings_.delivery_bound_ns) {
    ++sample.frames.count;
    ++sample.frames.late;
    ++sample.frames.near;
  }
  sample.time_lost = figures.schedule_shifts > before_.schedule_shifts;
  before_ = std::move(figures);

  const u32 pace_before = ladder_.pace_percent();
  const battle::Rung rung_before = ladder_.rung();
  if (!ladder_.look(sample, clock_.now())) return;
  const battle::Rung rung = ladder_.rung();
  const u32 pace = ladder_.pace_percent();
  state_.rung.store(rung, std::memory_order_relaxed);
  state_.pace_percent.store(pace, std::memory_order_relaxed);
  counters_.rung.set(static_cast<i64>(rung));
  counters_.pace_percent.set(pace);
  {
    const std::lock_guard lock(mutex_);
    reason_ = ladder_.reason();
  }
  if (rung > rung_before || pace > pace_before) {
    counters_.climbs.add();
    log_warning("overload: rung {} ({}), ticks of {} %: {}", static_cast<u32>(rung), battle::rung_name(rung),
                pace, ladder_.reason());
  } else {
    counters_.descents.add();
    log_info("overload: back on rung {} ({}), ticks of {} %", static_cast<u32>(rung), battle::rung_name(rung),
             pace);
  }
}

}  // namespace drumline::server
