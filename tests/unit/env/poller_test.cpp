// One suite over every poller: epoll and io_uring as they are here, kqueue over the tests' own.
#include "env/poller.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env/poller_kinds.hpp"
#include "env/wakeup.hpp"
#include "support/allocation_counter.hpp"

namespace drumline::env {
namespace {

constexpr i64 kSoonNs = 20 * kMillisecondNs;
constexpr i64 kPatienceNs = 20 * kSecondNs;

/// Two connected stream sockets that do not block.
struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    here = ends[0];
    there = ends[1];
  }
  ~Pair() {
    close_here();
    close_there();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  void close_here() {
    if (here >= 0) ::close(here);
    here = -1;
  }
  void close_there() {
    if (there >= 0) ::close(there);
    there = -1;
  }
  void say() const { EXPECT_EQ(::send(there, "x", 1, 0), 1); }
  void hear() const {
    char byte = 0;
    EXPECT_EQ(::recv(here, &byte, 1, 0), 1);
  }
  /// Until no byte more goes from here to there.
  void fill() const {
    const std::vector<char> much(1 << 16);
    while (::send(here, much.data(), much.size(), MSG_NOSIGNAL) > 0) {
    }
    while (::send(here, much.data(), 1, MSG_NOSIGNAL) > 0) {
    }
  }
  void empty() const {
    std::vector<char> much(1 << 16);
    while (::recv(there, much.data(), much.size(), 0) > 0) {
    }
  }

  int here = -1;
  int there = -1;
};

class poller : public ::testing::TestWithParam<PollerKind> {
 protected:
  static Result<std::unique_ptr<Poller>> make(u32 max_descriptors) {
    if (GetParam() == PollerKind::kqueue) return make_kqueue_poller(max_descriptors);
    return make_poller(GetParam(), max_descriptors);
  }

  void SetUp() override {
    auto made = make(64);
    if (!made) GTEST_SKIP() << made.error().message;
    under_test = std::move(*made);
  }

  TimeNs soon() const { return clock.now() + kSoonNs; }
  TimeNs late() const { return clock.now() + kPatienceNs; }
  void watch(int descriptor, Interest interest, u64 token) {
    const auto watched = under_test->watch(descriptor, interest, token);
    ASSERT_TRUE(watched.ok()) << watched.error().message;
  }
  /// The one that is ready.
  Ready only(std::span<const Ready> ready) {
    EXPECT_EQ(ready.size(), 1U);
    return ready.empty() ? Ready{} : ready[0];
  }

  SystemClock clock;
  std::unique_ptr<Poller> under_test;
};

TEST_P(poller, says_when_there_is_something_to_read_and_again_until_it_is_read) {
  const Pair pair;
  watch(pair.here, Interest::read, 7);
  EXPECT_TRUE(under_test->wait(soon()).empty());
  pair.say();
  for (int i = 0; i < 3; ++i) {
    const Ready ready = only(under_test->wait(late()));
    EXPECT_EQ(ready.token, 7U);
    EXPECT_TRUE(ready.readable);
    EXPECT_FALSE(ready.writable);
    EXPECT_FALSE(ready.hung_up);
  }
  pair.hear();
  EXPECT_TRUE(under_test->wait(soon()).empty());
}

TEST_P(poller, says_when_there_is_room_to_write) {
  const Pair pair;
  watch(pair.here, Interest::write, 8);
  pair.say();
  for (int i = 0; i < 3; ++i) {
    const Ready ready = only(under_test->wait(late()));
    EXPECT_TRUE(ready.writable);
    EXPECT_FALSE(ready.readable) << "it is not watched for that";
  }
  pair.fill();
  EXPECT_TRUE(under_test->wait(soon()).empty());
  pair.empty();
  EXPECT_TRUE(only(under_test->wait(late())).writable);
}

TEST_P(poller, reading_and_writing_of_one_descriptor_are_one_report) {
  const Pair pair;
  watch(pair.here, Interest::both, 9);
  Ready ready = only(under_test->wait(late()));
  EXPECT_TRUE(ready.writable);
  EXPECT_FALSE(ready.readable);
  pair.say();
  ready = only(under_test->wait(late()));
  EXPECT_TRUE(ready.writable);
  EXPECT_TRUE(ready.readable);
  pair.fill();
  ready = only(under_test->wait(late()));
  EXPECT_FALSE(ready.writable);
  EXPECT_TRUE(ready.readable);
}

TEST_P(poller, interest_and_token_can_be_changed) {
  const Pair pair;
  watch(pair.here, Interest::read, 1);
  EXPECT_TRUE(under_test->wait(soon()).empty());
  watch(pair.here, Interest::both, 2);
  EXPECT_EQ(under_test->watched(), 1U);
  const Ready ready = only(under_test->wait(late()));
  EXPECT_EQ(ready.token, 2U);
  EXPECT_TRUE(ready.writable);
  EXPECT_FALSE(ready.hung_up);
  watch(pair.here, Interest::read, 3);
  EXPECT_TRUE(under_test->wait(soon()).empty());
  pair.say();
  EXPECT_EQ(only(under_test->wait(late())).token, 3U);
  watch(pair.here, Interest::write, 4);
  EXPECT_FALSE(only(under_test->wait(late())).readable);
}

TEST_P(poller, says_that_the_other_end_is_gone_and_the_rest_can_be_read) {
  Pair pair;
  watch(pair.here, Interest::read, 1);
  pair.say();
  pair.close_there();
  for (int i = 0; i < 2; ++i) {
    const Ready ready = only(under_test->wait(late()));
    EXPECT_TRUE(ready.hung_up);
    EXPECT_TRUE(ready.readable);
  }
  pair.hear();
  EXPECT_TRUE(only(under_test->wait(late())).hung_up) << "until it is unwatched";
  char byte = 0;
  EXPECT_EQ(::recv(pair.here, &byte, 1, 0), 0);
}

TEST_P(poller, says_that_the_other_end_has_said_its_last) {
  const Pair pair;
  watch(pair.here, Interest::both, 1);
  EXPECT_FALSE(only(under_test->wait(late())).hung_up);
  ::shutdown(pair.there, SHUT_WR);
  const Ready ready = only(under_test->wait(late()));
  EXPECT_TRUE(ready.hung_up);
  EXPECT_TRUE(ready.readable);
  EXPECT_TRUE(ready.writable);
}

TEST_P(poller, a_writer_learns_that_nobody_reads_any_more) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_NONBLOCK | O_CLOEXEC), 0);
  const std::vector<char> much(1 << 16);
  while (::write(pipe[1], much.data(), much.size()) > 0) {
  }
  watch(pipe[1], Interest::write, 5);
  EXPECT_TRUE(under_test->wait(soon()).empty());
  ::close(pipe[0]);
  const Ready ready = only(under_test->wait(late()));
  EXPECT_TRUE(ready.hung_up);
  EXPECT_TRUE(ready.writable) << "the call says what happened";
  under_test->unwatch(pipe[1]);
  ::close(pipe[1]);
}

TEST_P(poller, a_deadline_passes_not_early_and_one_in_the_past_only_looks) {
  const Pair pair;
  watch(pair.here, Interest::read, 1);
  for (const i64 wait_ns : {i64{300'000}, 5 * kMillisecondNs, kSoonNs}) {
    const TimeNs deadline = clock.now() + wait_ns;
    EXPECT_TRUE(under_test->wait(deadline).empty());
    EXPECT_GE(clock.now(), deadline);
  }
  EXPECT_TRUE(under_test->wait(0).empty());
  pair.say();
  EXPECT_EQ(under_test->wait(0).size(), 1U);
  EXPECT_EQ(under_test->wait(clock.now() - kSecondNs).size(), 1U);
}

TEST_P(poller, deadlines_are_kept_to_less_than_a_millisecond) {
  const Pair pair;
  watch(pair.here, Interest::read, 1);
  // The best of many, as the machine may be busy: one that rounds to milliseconds has none below.
  i64 best = kSecondNs;
  for (int i = 0; i < 50; ++i) {
    const TimeNs deadline = clock.now() + 200'000;
    under_test->wait(deadline);
    best = std::min(best, clock.now() - deadline);
  }
  EXPECT_LT(best, 700'000);
}

TEST_P(poller, of_many_descriptors_all_that_are_ready_are_reported_and_only_those) {
  std::vector<Pair> pairs(64);
  for (std::size_t i = 0; i < pairs.size(); ++i) watch(pairs[i].here, Interest::read, 1000 + i);
  std::set<u64> expected;
  for (std::size_t i = 0; i < pairs.size(); i += 3) {
    pairs[i].say();
    expected.insert(1000 + i);
  }
  std::set<u64> reported;
  for (const Ready& ready : under_test->wait(late())) reported.insert(ready.token);
  EXPECT_EQ(reported, expected);
  for (const Pair& pair : pairs) pair.say();
  EXPECT_EQ(under_test->wait(late()).size(), pairs.size());
}

TEST_P(poller, there_is_a_limit_and_room_again_after_an_unwatch) {
  auto small = make(2);
  ASSERT_TRUE(small.ok());
  const Pair a, b, c;
  EXPECT_TRUE((*small)->watch(a.here, Interest::read, 1).ok());
  EXPECT_TRUE((*small)->watch(b.here, Interest::read, 2).ok());
  const auto refused = (*small)->watch(c.here, Interest::read, 3);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::exhausted);
  EXPECT_TRUE((*small)->watch(a.here, Interest::both, 4).ok()) << "a change needs no room";
  (*small)->unwatch(a.here);
  EXPECT_EQ((*small)->watched(), 1U);
  EXPECT_TRUE((*small)->watch(c.here, Interest::read, 3).ok());
  c.say();
  EXPECT_EQ(only((*small)->wait(late())).token, 3U);
}

TEST_P(poller, what_is_unwatched_while_it_is_ready_is_not_reported) {
  const Pair a, b;
  watch(a.here, Interest::read, 1);
  watch(b.here, Interest::read, 2);
  a.say();
  b.say();
  EXPECT_EQ(under_test->wait(late()).size(), 2U);
  under_test->unwatch(a.here);
  under_test->unwatch(a.here);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(only(under_test->wait(late())).token, 2U);
}

TEST_P(poller, a_loop_over_the_reports_may_unwatch_what_comes_later_in_it) {
  const Pair a, b;
  watch(a.here, Interest::read, 0);
  watch(b.here, Interest::read, 1);
  a.say();
  b.say();
  const std::array<int, 2> descriptors{a.here, b.here};
  const auto reports = under_test->wait(late());
  ASSERT_EQ(reports.size(), 2U);
  int handled = 0;
  for (const Ready& ready : reports) {
    if (!ready.readable) continue;
    ++handled;
    under_test->unwatch(descriptors[1 - ready.token]);
  }
  EXPECT_EQ(handled, 1);
}

TEST_P(poller, unwatched_and_closed_a_descriptor_is_really_closed_and_its_number_can_be_anothers) {
  for (const bool ready : {false, true}) {
    Pair old;
    watch(old.here, Interest::read, 1);
    EXPECT_TRUE(under_test->wait(soon()).empty());
    if (ready) {
      old.say();
      EXPECT_EQ(under_test->wait(late()).size(), 1U);
    }
    const int number = old.here;
    under_test->unwatch(number);
    old.close_here();
    char byte = 0;
    errno = 0;
    const bool seen = ::recv(old.there, &byte, 1, 0) == 0 || errno == ECONNRESET;
    EXPECT_TRUE(seen) << "the other end waits on";

    const Pair young;
    ASSERT_EQ(young.here, number) << "the lowest that is free";
    watch(number, Interest::read, 2);
    EXPECT_TRUE(under_test->wait(soon()).empty()) << "what was the old one's is not the new one's";
    young.say();
    EXPECT_EQ(only(under_test->wait(late())).token, 2U);
    under_test->unwatch(number);
  }
}

TEST_P(poller, what_is_no_open_descriptor_is_refused) {
  const int closed = ::dup(0);
  ASSERT_GE(closed, 0);
  ::close(closed);
  for (const int descriptor : {-1, closed}) {
    const auto refused = under_test->watch(descriptor, Interest::both, 1);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().message.find(std::to_string(descriptor)), std::string::npos);
  }
  EXPECT_EQ(under_test->watched(), 0U);
  EXPECT_TRUE(under_test->wait(soon()).empty());
}

TEST_P(poller, another_thread_wakes_it) {
  auto wakeup = Wakeup::create();
  ASSERT_TRUE(wakeup.ok());
  watch(wakeup->descriptor(), Interest::read, 1);
  for (int i = 0; i < 20; ++i) {
    std::thread other([&] {
      if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      wakeup->notify();
    });
    EXPECT_EQ(only(under_test->wait(i % 4 < 2 ? Poller::kForever : late())).token, 1U);
    wakeup->drain();
    other.join();
  }
  EXPECT_TRUE(under_test->wait(soon()).empty());
}

TEST_P(poller, a_signal_does_not_end_the_wait) {
  static std::atomic<int> signals;
  signals = 0;
  struct sigaction counting {
  }, before{};
  counting.sa_handler = [](int) { ++signals; };
  ASSERT_EQ(::sigaction(SIGUSR2, &counting, &before), 0);
  const Pair pair;
  watch(pair.here, Interest::read, 1);
  std::thread other([&, waiter = ::pthread_self()] {
    // A signal that comes too early or late interrupts nothing, so there are several.
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      ::pthread_kill(waiter, SIGUSR2);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    pair.say();
  });
  EXPECT_EQ(only(under_test->wait(late())).token, 1U);
  other.join();
#if !defined(__SANITIZE_THREAD__)
  // ThreadSanitizer runs no further handlers in a thread that has once jumped out of one, as the
  // watchdog's tests do; the system calls are interrupted all the same.
  EXPECT_GE(signals.load(), 1);
#endif

  std::thread disturber([waiter = ::pthread_self()] {
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ::pthread_kill(waiter, SIGUSR2);
    }
  });
  pair.hear();
  const TimeNs deadline = clock.now() + 2 * kSoonNs;
  EXPECT_TRUE(under_test->wait(deadline).empty());
  EXPECT_GE(clock.now(), deadline);
  disturber.join();
  ::sigaction(SIGUSR2, &before, nullptr);
}

TEST_P(poller, watching_and_unwatching_without_a_wait_neither_grows_nor_forgets) {
  const Pair pair, quiet;
  pair.say();
  watch(pair.here, Interest::read, 1);
  watch(quiet.here, Interest::read, 2);
  const u64 before = drumline::testing::allocations();
  for (int i = 0; i < 20'000; ++i) {
    under_test->unwatch(quiet.here);
    watch(quiet.here, i % 2 == 0 ? Interest::read : Interest::both, 2);
    watch(pair.here, i % 2 == 0 ? Interest::both : Interest::read, 1);
  }
  if (GetParam() != PollerKind::kqueue) {
    EXPECT_EQ(drumline::testing::allocations(), before);
  }
  std::map<u64, Ready> reported;
  for (const Ready& ready : under_test->wait(late()))
    EXPECT_TRUE(reported.emplace(ready.token, ready).second);
  EXPECT_TRUE(reported[1].readable);
  EXPECT_TRUE(reported[2].writable);
  EXPECT_FALSE(reported[2].readable);
}

TEST_P(poller, waiting_does_not_allocate) {
  if (GetParam() == PollerKind::kqueue) GTEST_SKIP() << "the tests' own kqueue does";
  std::vector<Pair> pairs(64);
  for (std::size_t i = 0; i < pairs.size(); ++i) watch(pairs[i].here, Interest::both, i);
  for (const Pair& pair : pairs) pair.say();
  const u64 before = drumline::testing::allocations();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(under_test->wait(late()).size(), pairs.size());
  EXPECT_EQ(drumline::testing::allocations(), before);
}

INSTANTIATE_TEST_SUITE_P(over, poller,
                         ::testing::Values(PollerKind::epoll, PollerKind::io_uring, PollerKind::kqueue),
                         [](const auto& each) -> std::string {
                           switch (each.param) {
                             case PollerKind::epoll:
                               return "epoll";
                             case PollerKind::io_uring:
                               return "io_uring";
                             case PollerKind::kqueue:
                               break;
                           }
                           return "kqueue";
                         });

TEST(poller_kind, has_a_name) {
  EXPECT_EQ(*parse_poller_kind("epoll"), PollerKind::epoll);
  EXPECT_EQ(*parse_poller_kind("io_uring"), PollerKind::io_uring);
  EXPECT_EQ(*parse_poller_kind("kqueue"), PollerKind::kqueue);
  const auto unknown = parse_poller_kind("select");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("io_uring"), std::string::npos);
  const auto foreign = make_poller(PollerKind::kqueue, 1);
  ASSERT_FALSE(foreign.ok());
  EXPECT_EQ(foreign.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace drumline::env
