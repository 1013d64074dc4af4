#include "auth/ticket.hpp"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drumline::auth {
namespace {

constexpr TimeNs kNow = 1'790'000'000 * kSecondNs;
const std::string kFirst = "1 " + std::string(64, 'a') + "\n";
const std::string kSecond = "2 " + std::string(64, 'B') + "\n";

Ticket a_ticket() {
  return {.battle = BattleId{7},
          .player = PlayerSlot{3},
          .seat_generation = 9,
          .account = 0x1234'5678'9ABC'DEF0U,
          .expires_at_s = kNow / kSecondNs + 30};
}

TEST(ticket, opens_as_it_was_sealed) {
  env::SeededRandom random(1);
  const TicketSealer keys = TicketSealer::parse(kFirst, random).value();
  const auto sealed = keys.seal(a_ticket());
  EXPECT_EQ(sealed.size(), kTicketBytes);
  const auto opened = keys.open(sealed, kNow);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(*opened, a_ticket());
}

TEST(ticket, the_same_ticket_never_seals_to_the_same_bytes) {
  env::SeededRandom random(1);
  const TicketSealer keys = TicketSealer::parse(kFirst, random).value();
  EXPECT_NE(keys.seal(a_ticket()), keys.seal(a_ticket()));
}

TEST(ticket, every_flipped_bit_and_every_truncation_is_refused) {
  env::SeededRandom random(1);
  const TicketSealer keys = TicketSealer::parse(kFirst + kSecond, random).value();
  const auto sealed = keys.seal(a_ticket());
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto changed = sealed;
    changed[bit / 8] ^= std::byte{static_cast<u8>(1U << (bit % 8))};
    EXPECT_FALSE(keys.open(changed, kNow).ok()) << bit;
  }
  for (std::size_t n = 0; n < sealed.size(); ++n) EXPECT_FALSE(keys.open(Bytes(sealed).first(n), kNow).ok());
  auto longer = sealed;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(keys.open(longer, kNow).ok());
}

TEST(ticket, an_expired_one_says_so) {
  env::SeededRandom random(1);
  const TicketSealer keys = TicketSealer::parse(kFirst, random).value();
  const auto opened = keys.open(keys.seal(a_ticket()), kNow + 30 * kSecondNs);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::timeout);
}

TEST(ticket, an_older_key_still_opens_after_rotation_and_a_retired_one_does_not) {
  env::SeededRandom random(1);
  const auto sealed = TicketSealer::parse(kFirst, random).value().seal(a_ticket());
  EXPECT_TRUE(TicketSealer::parse(kSecond + kFirst, random).value().open(sealed, kNow).ok());
  const auto retired = TicketSealer::parse(kSecond, random).value().open(sealed, kNow);
  ASSERT_FALSE(retired.ok());
  EXPECT_EQ(retired.error().code, ErrorCode::not_found);
  const auto other = TicketSealer::parse("1 " + std::string(64, 'c'), random).value().open(sealed, kNow);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::corrupt);
}

TEST(ticket, a_bad_key_file_is_refused_by_line_without_showing_the_key) {
  env::SeededRandom random(1);
  const std::string secret = std::string(63, 'd');
  for (const std::string& text :
       {"1 " + secret, "256 " + secret + "d", secret, kFirst + kFirst, std::string("# nothing\n")}) {
    const auto keys = TicketSealer::parse(text, random);
    ASSERT_FALSE(keys.ok());
    EXPECT_EQ(keys.error().message.find("dddd"), std::string::npos);
  }
}

TEST(ticket, the_key_file_is_made_once_and_for_its_owner_only) {
  const std::string path = ::testing::TempDir() + "drumline_ticket_" + std::to_string(::getpid()) + ".key";
  env::SystemRandom random;
  const auto sealed = [&] { return TicketSealer::load_or_create(path, random).value().seal(a_ticket()); }();
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_TRUE(TicketSealer::load_or_create(path, random).value().open(sealed, kNow).ok());
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(TicketSealer::load_or_create(path, random).error().code, ErrorCode::permission);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace drumline::auth
