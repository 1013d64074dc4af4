#include "env/thread.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

namespace drumline::env {

void set_thread_name(std::string_view name) noexcept {
  std::array<char, 16> text{};
  std::copy_n(name.begin(), std::min(name.size(), text.size() - 1), text.begin());
  pthread_setname_np(pthread_self(), text.data());
}

std::vector<u32> allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<u32> processors;
  if (pthread_getaffinity_np(pthread_self(), sizeof set, &set) != 0) return processors;
  for (u32 processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  }
  return processors;
}

bool pin_thread(u32 processor) noexcept {
  if (processor >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

bool set_realtime_priority(int priority) noexcept {
  sched_param parameters{};
  parameters.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

bool set_timer_slack(i64 slack_ns) noexcept {
  // 0 would mean the default, which is the largest.
  return prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(std::max<i64>(slack_ns, 1)), 0, 0, 0) == 0;
}

void sleep_until(TimeNs deadline) noexcept {
  const timespec time{static_cast<time_t>(deadline / kSecondNs), static_cast<long>(deadline % kSecondNs)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

}  // namespace drumline::env
