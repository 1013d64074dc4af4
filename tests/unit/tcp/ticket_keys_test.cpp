#include "transport/tcp/ticket_keys.hpp"

#include <gtest/gtest.h>

namespace drumline::transport {
namespace {

TicketSecret secret_of(int byte) {
  TicketSecret secret;
  secret.fill(static_cast<std::byte>(byte));
  return secret;
}

TEST(TicketKeys, open_for_the_periods_beside_the_one_they_were_made_in_and_no_longer) {
  const TicketKeys keys({secret_of(1)}, 100);
  const TicketKeys::Key sealed = keys.sealing(1'050);
  TicketKeys::Key opened;
  TicketKeys::Age age{};
  for (const auto& [at, wanted] : {std::pair{1'099, TicketKeys::Age::present}, {1'100, TicketKeys::Age::neighbour},
                                   {1'199, TicketKeys::Age::neighbour}, {999, TicketKeys::Age::neighbour}}) {
    ASSERT_TRUE(keys.opening(sealed.name, at, opened, age)) << at;
    EXPECT_EQ(age, wanted) << at;
    EXPECT_EQ(opened.cipher, sealed.cipher);
    EXPECT_EQ(opened.mac, sealed.mac);
  }
  EXPECT_FALSE(keys.opening(sealed.name, 1'200, opened, age)) << "two periods on";
  EXPECT_FALSE(keys.opening(sealed.name, 899, opened, age));
}

TEST(TicketKeys, another_gateway_with_the_same_secrets_opens_them_and_one_with_others_does_not) {
  const TicketKeys old({secret_of(1)}, 100);
  const TicketKeys rotated({secret_of(2), secret_of(1)}, 100);
  const TicketKeys stranger({secret_of(3)}, 100);
  const TicketKeys::Key sealed = old.sealing(500);
  TicketKeys::Key opened;
  TicketKeys::Age age{};
  ASSERT_TRUE(rotated.opening(sealed.name, 500, opened, age));
  EXPECT_EQ(age, TicketKeys::Age::neighbour) << "a ticket of the old secret is renewed";
  EXPECT_EQ(opened.cipher, sealed.cipher);
  EXPECT_FALSE(stranger.opening(sealed.name, 500, opened, age));
  EXPECT_NE(rotated.sealing(500).name, sealed.name) << "the first secret seals";
  EXPECT_NE(old.sealing(600).cipher, sealed.cipher) << "a new period has a new key";
}

}  // namespace
}  // namespace drumline::transport
