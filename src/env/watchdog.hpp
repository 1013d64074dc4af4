// Breaks off code that does not come to its end, or that trips over itself, on the
// thread on which it runs, so that the thread can go on without it.
//
// What is broken off leaves no destructor run and no lock released: it must be code
// that holds nothing but memory of its own, which is then given up, like the step of
// a battle. Code that crashes (a wild pointer) is not caught: nobody knows what it has
// written to, and the process is to end and recover.
#pragma once

#include <atomic>
#include <csetjmp>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

#include "base/types.hpp"

namespace drumline::env {

class Watchdog {
 public:
  /// One thread's place with the watchdog. Made on that thread, and dies before it.
  class Guard {
   public:
    explicit Guard(Watchdog& watchdog);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// Runs fn(). None when it came to its end; otherwise why not: what it threw, which
    /// assertion (DRUM_ASSERT) failed in it, or that it used more than the budget of
    /// processor time. Costs some tens of nanoseconds. Not to be nested.
    template <class Fn>
    std::optional<std::string> run(Fn&& fn) {
      // What is set between here and the jump must not live in registers: nothing is.
      if (sigsetjmp(jump_, 0) != 0) return broken_off();
      begin();
      try {
        fn();
      } catch (const std::exception& error) {
        return threw(error.what());
      } catch (...) {
        return threw("something that is no std::exception");
      }
      end();
      return std::nullopt;
    }

    /// Of the last run that failed: it threw, so that its destructors ran. What a run that
    /// was broken off had under way was left as it was.
    bool unwound() const { return unwound_; }

   private:
    friend class Watchdog;
    void begin();
    void end();
    std::string threw(const char* what);
    std::string broken_off();
    static void on_signal(int signal);
    [[noreturn]] static void on_assertion(const char* expression, const char* file, int line);

    Watchdog& watchdog_;
    sigjmp_buf jump_;
    pthread_t thread_;
    clockid_t cpu_clock_{};
    /// Odd while something runs; each run has another number.
    std::atomic<u64> run_{0};
    /// The run that is to be broken off.
    std::atomic<u64> condemned_{0};
    std::string failed_assertion_;
    bool unwound_ = false;
    // The watchdog's own: the run that it saw last, and the thread's clock then.
    u64 seen_run_ = 0;
    i64 seen_cpu_ns_ = 0;
  };

  /// `budget_ns`: processor time of one run; looked at a few times in it, so it is exceeded by a part.
  explicit Watchdog(i64 budget_ns);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  i64 budget_ns() const { return budget_ns_; }

 private:
  void run();
  void look(Guard& guard);

  const i64 budget_ns_;
  std::mutex mutex_;
  std::vector<Guard*> guards_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace drumline::env
