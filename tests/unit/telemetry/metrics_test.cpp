#include "telemetry/metrics.hpp"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "telemetry/process_stats.hpp"

namespace drumline::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricSink, writes_families_with_help_type_and_labels) {
  MetricSink sink;
  Counter dropped;
  dropped.add(5);
  sink.counter("drumline_dropped_total", "Dropped.", dropped, {{"reason", "late"}});
  sink.counter("drumline_dropped_total", "Dropped.", 7.0, {{"reason", "qu\"ote\n"}});
  Gauge sessions;
  sessions.set(-3);
  sink.gauge("drumline_sessions", "Sessions.", sessions);
  EXPECT_EQ(sink.text(),
            "# HELP drumline_dropped_total Dropped.\n# TYPE drumline_dropped_total counter\n"
            "drumline_dropped_total{reason=\"late\"} 5\ndrumline_dropped_total{reason=\"qu\\\"ote\\n\"} 7\n"
            "# HELP drumline_sessions Sessions.\n# TYPE drumline_sessions gauge\ndrumline_sessions -3\n");
}

TEST(MetricSink, a_histogram_is_cumulative_and_ends_at_infinity) {
  Histogram lateness;
  lateness.record(100'000, 3);        // 0.1 ms
  lateness.record(15'000'000);        // 15 ms
  lateness.record(5'000'000'000, 2);  // 5 s
  MetricSink sink;
  sink.histogram_ns("drumline_tick_lateness_seconds", "Lateness.", lateness);
  const std::string text = sink.text();
  EXPECT_THAT(text, HasSubstr("# TYPE drumline_tick_lateness_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("le=\"5e-05\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.00025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.008\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.016\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("le=\"1\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("drumline_tick_lateness_seconds_count 6\n"));
  EXPECT_THAT(text, HasSubstr("drumline_tick_lateness_seconds_sum 10.0153\n"));
}

TEST(MetricSink, a_summary_has_quantiles_in_seconds) {
  Histogram commits;
  for (u64 i = 1; i <= 1000; ++i) commits.record(i * 1000);
  MetricSink sink;
  sink.summary_ns("drumline_journal_commit_seconds", "Commits.", commits);
  EXPECT_THAT(sink.text(), HasSubstr("drumline_journal_commit_seconds{quantile=\"0.5\"} 0.00050"));
  EXPECT_THAT(sink.text(), HasSubstr("drumline_journal_commit_seconds_count 1000\n"));
}

TEST(MetricSinkDeathTest, names_that_break_the_rules_are_our_bug) {
  MetricSink sink;
  Histogram values;
  EXPECT_DEATH(sink.counter("drumline_dropped", "", 1.0), "_total");
  EXPECT_DEATH(sink.gauge("no-dashes", "", 1.0), "CheckMetricName");
  EXPECT_DEATH(sink.summary_ns("drumline_commit_ns", "", values), "_seconds");
  sink.gauge("drumline_x", "", 1.0);
  EXPECT_DEATH(sink.histogram("drumline_x", "", values, 1.0, {}), "type");
}

TEST(MetricsRegistry, a_collector_runs_until_its_registration_goes) {
  MetricsRegistry registry;
  auto kept = registry.add([](MetricSink& sink) { sink.gauge("drumline_kept", "K.", 1.0); });
  {
    auto passing = registry.add([](MetricSink& sink) { sink.gauge("drumline_passing", "P.", 1.0); });
    auto moved = std::move(passing);
    EXPECT_THAT(registry.scrape(), HasSubstr("drumline_passing 1\n"));
  }
  EXPECT_THAT(registry.scrape(), Not(HasSubstr("drumline_passing")));
  EXPECT_THAT(registry.scrape(), HasSubstr("drumline_kept 1\n"));
}

TEST(MetricsRegistry, scrapes_go_on_while_the_hot_path_writes) {
  MetricsRegistry registry;
  Counter ticks;
  Histogram lateness;
  auto registration = registry.add([&](MetricSink& sink) {
    sink.counter("drumline_ticks_total", "Ticks.", ticks);
    sink.histogram_ns("drumline_lateness_seconds", "Lateness.", lateness);
  });
  std::atomic<bool> stop{false};
  std::thread hot([&] {
    while (!stop) {
      ticks.add();
      lateness.record(ticks.value() % 5000);
    }
  });
  for (int i = 0; i < 50; ++i) EXPECT_THAT(registry.scrape(), HasSubstr("drumline_ticks_total"));
  stop = true;
  hot.join();
}

TEST(ProcessStats, are_plausible_for_this_process) {
  const auto before = read_process_stats();
  ASSERT_TRUE(before.ok());
  EXPECT_GT(before->resident_bytes, 1U << 20);
  EXPECT_GE(before->virtual_bytes, before->resident_bytes);
  EXPECT_GE(before->threads, 1U);
  EXPECT_GE(before->descriptors, 3U);
  EXPECT_GT(before->started_s, 1'600'000'000);
  std::thread waiting([&] {
    const auto during = read_process_stats();
    ASSERT_TRUE(during.ok());
    EXPECT_EQ(during->threads, before->threads + 1);
  });
  waiting.join();
  MetricSink sink;
  collect_process_stats(sink);
  EXPECT_THAT(sink.text(), HasSubstr("# TYPE process_resident_memory_bytes gauge\n"));
  EXPECT_THAT(sink.text(), HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
}

}  // namespace
}  // namespace drumline::telemetry
