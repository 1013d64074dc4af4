#include "bots/bots.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "unit/client/mini_server.hpp"

namespace drumline::bots {
namespace {

TEST(bots, play_for_their_time_and_report_what_they_received) {
  const test::TestPki pki("bots");
  test::MiniServer server(pki.server());
  BotsOptions options;
  options.url = server.url();
  options.pki = pki.folder;
  options.count = 20;
  options.threads = 2;
  options.seconds = 1.0;
  options.measure_from_seated = true;
  const auto report = play_bots(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->all_well());
  EXPECT_GT(report->seated_after_s, 0);
  EXPECT_GT(report->received.frames, 20U * 20U);
  EXPECT_GE(report->received.frames_due, report->received.frames);
  EXPECT_EQ(report->received.frames_malformed, 0U);
  EXPECT_GT(report->cpu_us_per_frame(), 0);
  EXPECT_EQ(server.hellos.load(), 20U);
  const auto json = nlohmann::json::parse(to_json(*report));
  EXPECT_EQ(json.at("bots"), 20);
  EXPECT_EQ(json.at("sessions_lost_for_good"), 0);
  EXPECT_EQ(json.at("bodies_different"), 0);
  EXPECT_NE(to_text(*report).find("frames received"), std::string::npos);
}

TEST(bots, play_through_a_bad_network) {
  const test::TestPki pki("bots_network");
  test::MiniServer server(pki.server());
  BotsOptions options;
  options.url = server.url();
  options.pki = pki.folder;
  options.count = 4;
  options.clients_per_port = 1;
  options.seconds = 2;
  options.measure_from_seated = true;
  options.network = "40ms,20%";
  const auto report = play_bots(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->all_well());
  EXPECT_GT(report->delivered(), 0.3);
  EXPECT_LT(report->delivered(), 0.95);
  EXPECT_GE(report->received.round_trip_ns, 40 * kMillisecondNs);

  options.network = "40 furlongs";
  const auto wrong = play_bots(options);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("furlongs"), std::string::npos);
}

TEST(bots, a_stop_request_ends_them_well) {
  const test::TestPki pki("bots_stop");
  test::MiniServer server(pki.server());
  std::atomic<int> stop{0};
  BotsOptions options;
  options.url = server.url();
  options.pki = pki.folder;
  options.count = 4;
  options.stop = &stop;
  const auto report = play_bots(options, [&](const BotsProgress& p) {
    if (p.seated == 4) stop = 1;
  });
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->all_well());
}

TEST(bots, a_server_that_is_not_there_is_a_failure_that_says_so) {
  const test::TestPki pki("bots_nobody");
  BotsOptions options;
  options.url = "quic://127.0.0.1:9";
  options.pki = pki.folder;
  options.count = 2;
  options.seconds = 0.3;
  const auto report = play_bots(options);
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->all_well());
  EXPECT_EQ(report->never_seated, 2U);
}

TEST(bots, wrong_options_are_named) {
  const auto message = [](auto change) {
    BotsOptions options;
    change(options);
    const auto report = play_bots(options);
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, ErrorCode::invalid_argument);
    return report.ok() ? std::string() : report.error().message;
  };
  EXPECT_NE(message([](auto& o) { o.count = 0; }).find("--count"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.send_hz = 1000; }).find("--send-hz"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.threads = 0; }).find("--threads"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.game = "chess"; }).find("chess"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.url = "http://127.0.0.1:1"; }).find("quic://"), std::string::npos);
}

TEST(bots, missing_certificates_name_the_file) {
  BotsOptions options;
  options.pki = "/nonexistent/pki";
  const auto report = play_bots(options);
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.error().message.find("/nonexistent/pki"), std::string::npos);
}

}  // namespace
}  // namespace drumline::bots
