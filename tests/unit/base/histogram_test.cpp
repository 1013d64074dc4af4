#include "base/histogram.hpp"

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace drumline {
namespace {

TEST(histogram, an_empty_one_answers_zero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.percentile(99), 0U);
}

TEST(histogram, small_values_are_exact) {
  Histogram histogram;
  for (u64 value = 0; value < 128; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(50), 63U);
  EXPECT_EQ(histogram.percentile(0), 0U);
  EXPECT_EQ(histogram.percentile(100), 127U);
  EXPECT_EQ(histogram.mean(), 63.5);
}

TEST(histogram, percentiles_of_random_values_are_within_the_relative_error) {
  std::mt19937_64 random(3);
  Histogram histogram;
  std::vector<u64> values;
  for (int i = 0; i < 50'000; ++i) {
    values.push_back((random() >> 24) >> (random() % 40));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
    const double exact = static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.percentile(percent)), exact, exact / 128 + 1) << percent;
  }
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.count(), values.size());
}

TEST(histogram, the_largest_values_are_kept_in_the_last_bucket) {
  Histogram histogram;
  histogram.record(~u64{0} / 2);
  EXPECT_EQ(histogram.max(), ~u64{0} / 2);
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.count_above(1'000'000), 1U);
}

TEST(histogram, merging_is_the_same_as_recording_into_one) {
  std::mt19937_64 random(5);
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    const u64 value = random() % 1'000'000;
    (i % 3 == 0 ? one : other).record(value);
    both.record(value);
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.sum(), both.sum());
  EXPECT_EQ(one.min(), both.min());
  EXPECT_EQ(one.max(), both.max());
  for (const double percent : {1.0, 50.0, 99.0}) EXPECT_EQ(one.percentile(percent), both.percentile(percent));
}

TEST(histogram, a_window_holds_only_what_came_since) {
  Histogram histogram;
  histogram.record(10, 100);
  const Histogram earlier = histogram;
  histogram.record(1'000'000, 3);
  const Histogram window = histogram.since(earlier);
  EXPECT_EQ(window.count(), 3U);
  EXPECT_EQ(window.sum(), 3'000'000U);
  EXPECT_NEAR(static_cast<double>(window.percentile(50)), 1e6, 1e6 / 64);
  EXPECT_NEAR(static_cast<double>(window.min()), 1e6, 1e6 / 64);
  EXPECT_LE(window.max(), 1'000'000U);
  EXPECT_EQ(histogram.since(histogram).count(), 0U);
}

TEST(histogram, buckets_cover_the_values_without_gap_or_overlap) {
  Histogram histogram;
  for (u64 value = 1; value < (u64{1} << 39); value += value / 5 + 1) histogram.record(value);
  u64 counted = 0;
  u64 end = 0;
  histogram.for_each_bucket([&](u64 low, u64 high, u64 count) {
    EXPECT_GE(low, end);
    EXPECT_GT(high, low);
    EXPECT_LE(high - low, std::max<u64>(low / 64, 1));
    end = high;
    counted += count;
  });
  EXPECT_EQ(counted, histogram.count());
}

TEST(histogram, reset_forgets_everything) {
  Histogram histogram;
  histogram.record(77, 5);
  histogram.reset();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(50), 0U);
  histogram.record(3);
  EXPECT_EQ(histogram.min(), 3U);
  EXPECT_EQ(histogram.max(), 3U);
}

TEST(histogram, another_thread_may_read_while_one_records) {
  Histogram histogram;
  std::thread writer([&] {
    for (u64 i = 0; i < 50'000; ++i) histogram.record(i % 1000);
  });
  u64 before = 0;
  for (int i = 0; i < 20; ++i) {
    Histogram copy;
    copy = histogram;
    EXPECT_GE(copy.count(), before);
    EXPECT_LE(copy.percentile(99), 1000U);
    before = copy.count();
  }
  writer.join();
  EXPECT_EQ(histogram.count(), 50'000U);
}

}  // namespace
}  // namespace drumline
