#include "env/watchdog.hpp"

#include <ctime>
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/assert.hpp"

namespace drumline::env {
namespace {

constexpr i64 kBudgetNs = 20 * kMillisecondNs;

void spin(volatile u64& spins) {
  spins = spins + 1;
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer holds signals back until the next call into the C library.
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
#endif
}

TEST(watchdog, what_ends_by_itself_is_left_alone) {
  Watchdog watchdog(kBudgetNs);
  Watchdog::Guard guard(watchdog);
  int runs = 0;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(guard.run([&] { ++runs; }), std::nullopt);
  EXPECT_EQ(runs, 1000);
}

TEST(watchdog, an_exception_is_a_reason) {
  Watchdog watchdog(kBudgetNs);
  Watchdog::Guard guard(watchdog);
  const auto failure = guard.run([] { throw std::runtime_error("no such sword"); });
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->find("no such sword"), std::string::npos);
  EXPECT_TRUE(guard.run([] { throw 7; }));
  EXPECT_EQ(guard.run([] {}), std::nullopt);
}

TEST(watchdog, a_failed_assertion_is_a_reason_that_names_its_place) {
  Watchdog watchdog(kBudgetNs);
  Watchdog::Guard guard(watchdog);
  int health = -3;
  for (int i = 0; i < 3; ++i) {
    const auto failure = guard.run([&] { DRUM_ASSERT(health >= 0); });
    ASSERT_TRUE(failure);
    EXPECT_NE(failure->find("health >= 0"), std::string::npos);
    EXPECT_NE(failure->find("watchdog_test.cpp"), std::string::npos);
  }
}

TEST(watchdog, an_endless_loop_is_broken_off_again_and_again_and_other_threads_go_on) {
  Watchdog watchdog(kBudgetNs);
  std::atomic<u64> other_runs{0};
  std::atomic<bool> done{false};
  std::thread other([&] {
    Watchdog::Guard guard(watchdog);
    while (!done.load()) {
      EXPECT_EQ(guard.run([&] { other_runs.fetch_add(1); }), std::nullopt);
    }
  });
  {
    Watchdog::Guard guard(watchdog);
    for (int i = 0; i < 3; ++i) {
      volatile u64 spins = 0;
      const u64 before = other_runs.load();
      const auto failure = guard.run([&] {
        for (;;) spin(spins);
      });
      ASSERT_TRUE(failure);
      EXPECT_NE(failure->find("budget of 20 ms"), std::string::npos);
      EXPECT_GT(other_runs.load(), before);
      EXPECT_EQ(guard.run([] {}), std::nullopt);
    }
  }
  done.store(true);
  other.join();
}

TEST(watchdog, a_thread_that_waits_uses_no_budget) {
  Watchdog watchdog(kBudgetNs);
  Watchdog::Guard guard(watchdog);
  EXPECT_EQ(guard.run([] { std::this_thread::sleep_for(std::chrono::milliseconds(120)); }), std::nullopt);
}

using watchdog_death = testing::Test;

TEST(watchdog_death, without_a_guard_an_assertion_still_ends_the_process) {
  EXPECT_DEATH(DRUM_ASSERT(1 + 1 == 3), "1 \\+ 1 == 3");
}

}  // namespace
}  // namespace drumline::env
