#include "env/watchdog.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "base/allocations.hpp"
#include "base/assert.hpp"
#include "env/clock.hpp"
#include "env/thread.hpp"

namespace drumline::env {
namespace {

/// The guard of what runs on this thread; null while nothing does.
thread_local Watchdog::Guard* active_guard = nullptr;

int break_signal() {
  return SIGRTMIN + 3;
}

i64 read_clock(clockid_t clock) {
  timespec at{};
  if (::clock_gettime(clock, &at) != 0) return 0;
  return i64{at.tv_sec} * kSecondNs + at.tv_nsec;
}

}  // namespace

Watchdog::Guard::Guard(Watchdog& watchdog) : watchdog_(watchdog), jump_(), thread_(::pthread_self()) {
  DRUM_ASSERT(::pthread_getcpuclockid(thread_, &cpu_clock_) == 0);
  struct sigaction action {};
  action.sa_handler = &Guard::on_signal;
  sigemptyset(&action.sa_mask);
  DRUM_ASSERT(::sigaction(break_signal(), &action, nullptr) == 0);
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.guards_.push_back(this);
}

Watchdog::Guard::~Guard() {
  const std::lock_guard lock(watchdog_.mutex_);
  std::erase(watchdog_.guards_, this);
}

void Watchdog::Guard::begin() {
  active_guard = this;
  set_assertion_handler(&Guard::on_assertion);
  run_.store(run_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void Watchdog::Guard::end() {
  run_.store(run_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  // A signal for this run that comes from here on finds another number.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  active_guard = nullptr;
  set_assertion_handler(nullptr);
}

std::string Watchdog::Guard::threw(const char* what) {
  end();
  unwound_ = true;
  return std::string("it threw: ") + what;
}

std::string Watchdog::Guard::broken_off() {
  end();
  unwound_ = false;
  // The jump left the signal blocked, as its handler never returned.
  sigset_t mine;
  sigemptyset(&mine);
  sigaddset(&mine, break_signal());
  ::pthread_sigmask(SIG_UNBLOCK, &mine, nullptr);
  if (!failed_assertion_.empty()) return "an assertion failed: " + std::exchange(failed_assertion_, "");
  return "it used more than its budget of " + std::to_string(watchdog_.budget_ns_ / kMillisecondNs) +
         " ms of processor time, and was broken off";
}

void Watchdog::Guard::on_signal(int) {
  Guard* const guard = active_guard;
  // The allocator's locks would stay locked: the watchdog tries again.
  if (guard == nullptr || thread_is_allocating()) return;
  const u64 run = guard->run_.load(std::memory_order_relaxed);
  if (guard->condemned_.load(std::memory_order_acquire) != run || (run & 1) == 0) return;
  siglongjmp(guard->jump_, 1);
}

void Watchdog::Guard::on_assertion(const char* expression, const char* file, int line) {
  Guard* const guard = active_guard;
  guard->failed_assertion_ = std::string(expression) + " at " + file + ":" + std::to_string(line);
  siglongjmp(guard->jump_, 2);
}

Watchdog::Watchdog(i64 budget_ns) : budget_ns_(budget_ns) {
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  stopping_.store(true);
  thread_.join();
  DRUM_ASSERT(guards_.empty());
}

void Watchdog::run() {
  set_thread_name("watchdog");
  const i64 period = std::clamp<i64>(budget_ns_ / 4, kMillisecondNs, 50 * kMillisecondNs);
  const SystemClock clock;
  while (!stopping_.load()) {
    sleep_until(clock.now() + period);
    const std::lock_guard lock(mutex_);
    for (Guard* const guard : guards_) look(*guard);
  }
}

void Watchdog::look(Guard& guard) {
  const u64 run = guard.run_.load(std::memory_order_acquire);
  if ((run & 1) == 0) return;
  const i64 cpu_ns = read_clock(guard.cpu_clock_);
  if (run != guard.seen_run_) {
    guard.seen_run_ = run;
    guard.seen_cpu_ns_ = cpu_ns;
    return;
  }
  if (cpu_ns - guard.seen_cpu_ns_ <= budget_ns_) return;
  guard.condemned_.store(run, std::memory_order_release);
  // Once more each time, should the signal have found it at a bad moment.
  ::pthread_kill(guard.thread_, break_signal());
}

}  // namespace drumline::env
