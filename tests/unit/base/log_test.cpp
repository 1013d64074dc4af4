#include "base/log.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace drumline {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

TEST(log, a_line_carries_its_level_and_its_text) {
  CaptureStderr();
  log_info("battle {} resumed at tick {}", 7, 420);
  log_error("disk is full");
  const std::string out = GetCapturedStderr();
  EXPECT_NE(out.find("info"), std::string::npos);
  EXPECT_NE(out.find("battle 7 resumed at tick 420\n"), std::string::npos);
  EXPECT_NE(out.find("error"), std::string::npos);
}

TEST(log, lines_below_the_level_are_dropped) {
  CaptureStderr();
  set_log_level(LogLevel::warning);
  log_info("not shown");
  log_warning("shown");
  set_log_level(LogLevel::off);
  log_error("not shown either");
  set_log_level(LogLevel::info);
  const std::string out = GetCapturedStderr();
  EXPECT_EQ(out.find("not shown"), std::string::npos);
  EXPECT_NE(out.find("shown"), std::string::npos);
}

TEST(log, a_hostile_name_cannot_forge_a_line_or_drive_a_terminal) {
  CaptureStderr();
  log_warning("player {} left", "eve\n2026-01-01 error all is lost\x1b[2J");
  const std::string out = GetCapturedStderr();
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
  EXPECT_NE(out.find("eve\\n2026-01-01 error all is lost\\x1b[2J"), std::string::npos);
}

TEST(log, printable_keeps_text_and_escapes_the_rest) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("Grüße 战斗 🥁"), "Grüße 战斗 🥁");
  EXPECT_EQ(printable("a\tb\r\x7f"), "a\\tb\\x0d\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("c:\\n"), "c:\\\\n");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "\\xc2\\x9b2J");  // CSI in one C1 character
  EXPECT_EQ(printable("\xFF\xC0\xAF"), "\\xff\\xc0\\xaf");
  EXPECT_EQ(printable("\xE4\xB8"), "\\xe4\\xb8");           // cut short
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");  // a surrogate
}

TEST(log, levels_have_names) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
  EXPECT_EQ(parse_log_level("off"), LogLevel::off);
  EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

TEST(log_limiter, lets_so_many_through_a_second_and_tells_of_the_others) {
  LogLimiter limiter(3);
  TimeNs now = 5 * kSecondNs;
  for (int i = 0; i < 3; ++i) {
    const auto pass = limiter.allow(now++);
    ASSERT_TRUE(pass);
    EXPECT_EQ(pass->suppressed, 0U);
  }
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(limiter.allow(now++));
  now += kSecondNs;
  const auto pass = limiter.allow(now);
  ASSERT_TRUE(pass);
  EXPECT_EQ(pass->suppressed, 100U);
  EXPECT_EQ(limiter.allow(now)->suppressed, 0U);
  EXPECT_EQ(limiter.suppressed(), 100U);
}

}  // namespace
}  // namespace drumline
