#include "env/thread.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include "env/clock.hpp"
#include "env/wakeup.hpp"

namespace drumline::env {
namespace {

template <class Fn>
void on_own_thread(Fn&& fn) {
  std::thread(std::forward<Fn>(fn)).join();
}

TEST(thread, a_name_is_cut_to_what_the_system_shows) {
  on_own_thread([] {
    set_thread_name("battle-shard-number-7");
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    EXPECT_STREQ(name, "battle-shard-nu");
  });
}

TEST(thread, a_pinned_thread_stays_on_its_processor) {
  on_own_thread([] {
    const auto allowed = allowed_processors();
    ASSERT_FALSE(allowed.empty());
    ASSERT_TRUE(pin_thread(allowed.back()));
    EXPECT_EQ(static_cast<u32>(sched_getcpu()), allowed.back());
    EXPECT_EQ(allowed_processors(), std::vector<u32>{allowed.back()});
    EXPECT_FALSE(pin_thread(1'000'000));
    EXPECT_FALSE(pin_thread(1023));
  });
}

TEST(thread, an_impossible_priority_is_refused) {
  on_own_thread([] {
    EXPECT_FALSE(set_realtime_priority(1000));
    EXPECT_TRUE(set_timer_slack(1));
  });
}

TEST(thread, sleep_until_does_not_return_early) {
  const SystemClock clock;
  const TimeNs deadline = clock.now() + 2 * kMillisecondNs;
  sleep_until(deadline);
  EXPECT_GE(clock.now(), deadline);
  sleep_until(clock.now() - kSecondNs);
}

TEST(wakeup, waits_to_its_deadline_and_not_less) {
  auto wakeup = Wakeup::create();
  ASSERT_TRUE(wakeup);
  const SystemClock clock;
  const TimeNs deadline = clock.now() + 2 * kMillisecondNs;
  EXPECT_FALSE(wakeup->wait_until(deadline));
  EXPECT_GE(clock.now(), deadline);
  EXPECT_FALSE(wakeup->wait_until(deadline));
}

TEST(wakeup, several_notifications_are_one_wake_up) {
  auto wakeup = Wakeup::create();
  ASSERT_TRUE(wakeup);
  const SystemClock clock;
  wakeup->notify();
  wakeup->notify();
  EXPECT_TRUE(wakeup->wait_until(Wakeup::kForever));
  EXPECT_FALSE(wakeup->wait_until(clock.now()));
  wakeup->notify();
  EXPECT_TRUE(wakeup->wait_until(clock.now()));
}

TEST(wakeup, no_notification_is_missed_between_threads) {
  auto wakeup = Wakeup::create();
  ASSERT_TRUE(wakeup);
  std::atomic<u64> posted{0};
  constexpr u64 kPosts = 20'000;
  std::thread poster([&] {
    for (u64 i = 0; i < kPosts; ++i) {
      posted.fetch_add(1, std::memory_order_relaxed);
      wakeup->notify();
    }
  });
  const SystemClock clock;
  u64 seen = 0;
  // A missed one would leave the waiter asleep with something posted.
  while (seen < kPosts) {
    ASSERT_TRUE(wakeup->wait_until(clock.now() + 20 * kSecondNs)) << seen;
    seen = posted.load(std::memory_order_relaxed);
  }
  poster.join();
}

}  // namespace
}  // namespace drumline::env
