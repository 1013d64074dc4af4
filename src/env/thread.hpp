// What a thread asks of the system: its name, its processor, its rank, its
// timers. All of it about the calling thread. Where the system refuses, the
// answer is false and the thread runs on as it was.
#pragma once

#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace drumline::env {

/// Shown by ps, top and debuggers; cut to 15 bytes.
void set_thread_name(std::string_view name) noexcept;

/// The processors that this thread may run on, ascending.
std::vector<u32> allowed_processors();

/// Keeps the thread on one processor. False when it is not allowed there.
bool pin_thread(u32 processor) noexcept;

/// SCHED_FIFO at `priority`, 1 .. 99. False without CAP_SYS_NICE or an rtprio limit.
bool set_realtime_priority(int priority) noexcept;

/// The kernel may fire this thread's timers that much late, to save power:
/// 50 µs unless set. 1 ns for a thread that ticks.
bool set_timer_slack(i64 slack_ns) noexcept;

/// Sleeps to an absolute time of the monotonic clock (SystemClock::now()).
void sleep_until(TimeNs deadline) noexcept;

}  // namespace drumline::env
