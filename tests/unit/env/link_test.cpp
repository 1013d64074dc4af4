#include "env/link.hpp"

#include <gtest/gtest.h>

namespace drumline::env {
namespace {

struct Losses {
  int lost = 0;
  int runs = 0;
};

Losses send_many(const LinkConditions& conditions, int packets, u64 seed = 5) {
  SeededRandom random(seed);
  Link link;
  Losses losses;
  bool before = false;
  for (int i = 0; i < packets; ++i) {
    const bool lost = link.send(conditions, 100, 0, i * kMillisecondNs, random).copies == 0;
    losses.lost += lost;
    losses.runs += lost && !before;
    before = lost;
  }
  return losses;
}

TEST(link, packets_are_lost_at_the_given_rate_each_by_itself) {
  const Losses losses = send_many({.loss = 0.1}, 100'000);
  EXPECT_NEAR(losses.lost, 10'000, 400);
  EXPECT_NEAR(static_cast<double>(losses.lost) / losses.runs, 1 / 0.9, 0.03);
}

TEST(link, bursts_have_their_mean_length_at_the_same_rate) {
  const Losses losses = send_many({.loss = 0.1, .loss_burst_packets = 4}, 200'000);
  EXPECT_NEAR(losses.lost, 20'000, 1'500);
  EXPECT_NEAR(static_cast<double>(losses.lost) / losses.runs, 4, 0.25);
}

TEST(link, nothing_or_all_is_lost_where_it_is_said_so) {
  EXPECT_EQ(send_many({}, 1000).lost, 0);
  EXPECT_EQ(send_many({.loss_burst_packets = 4}, 1000).lost, 0);
  EXPECT_EQ(send_many({.loss = 1, .loss_burst_packets = 4}, 1000).lost, 1000);
}

TEST(link, jitter_stays_within_its_bound_and_keeps_the_order) {
  SeededRandom random(3);
  Link link;
  const LinkConditions conditions{.delay_ns = 20 * kMillisecondNs, .jitter_ns = 8 * kMillisecondNs};
  TimeNs last = 0, least = INT64_MAX, most = 0;
  for (TimeNs now = 0; now < 10 * kSecondNs; now += 5 * kMillisecondNs) {
    const Link::Passage passage = link.send(conditions, 100, 0, now, random);
    ASSERT_EQ(passage.copies, 1U);
    EXPECT_GE(passage.arrivals[0], last);
    last = passage.arrivals[0];
    least = std::min(least, last - now);
    most = std::max(most, last - now);
  }
  EXPECT_GE(least, 20 * kMillisecondNs);
  EXPECT_LT(least, 21 * kMillisecondNs);
  EXPECT_GT(most, 27 * kMillisecondNs);
  EXPECT_LE(most, 28 * kMillisecondNs);
}

TEST(path_conditions, are_read_as_people_say_them) {
  const auto all = parse_path_conditions("burst=4,jitter=2.5ms,2%,50ms");
  ASSERT_TRUE(all.ok()) << all.error().message;
  EXPECT_EQ(
      *all,
      (LinkConditions{
          .loss = 0.02, .loss_burst_packets = 4, .delay_ns = 25 * kMillisecondNs, .jitter_ns = 2'500'000}));
  EXPECT_EQ(*parse_path_conditions("150ms"), (LinkConditions{.delay_ns = 75 * kMillisecondNs}));
}

TEST(path_conditions, that_cannot_be_are_refused_with_the_part_named) {
  for (const char* text : {"", "50", "ms", "2%,3%", "101%", "-1%", "50ms,", "nan%", "inf ms", "jitter=5",
                           "loss=2%", "1e9ms", "2 %"}) {
    const auto parsed = parse_path_conditions(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_NE(parse_path_conditions("50ms,nonsense").error().message.find("'nonsense'"), std::string::npos);
}

}  // namespace
}  // namespace drumline::env
