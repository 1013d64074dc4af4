#include "transport/credentials/ticket_keys.hpp"

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
  for (const i64 at : {1'099, 1'100, 1'199, 999}) {
    ASSERT_TRUE(keys.opening(sealed.name, at, opened)) << at;
    EXPECT_EQ(opened.cipher, sealed.cipher);
    EXPECT_EQ(opened.mac, sealed.mac);
  }
  EXPECT_FALSE(keys.opening(sealed.name, 1'200, opened)) << "two periods on";
  EXPECT_FALSE(keys.opening(sealed.name, 899, opened));
}

TEST(TicketKeys, another_gateway_with_the_same_secrets_opens_them_and_one_with_others_does_not) {
  const TicketKeys old({secret_of(1)}, 100);
  const TicketKeys rotated({secret_of(2), secret_of(1)}, 100);
  const TicketKeys stranger({secret_of(3)}, 100);
  const TicketKeys::Key sealed = old.sealing(500);
  TicketKeys::Key opened;
  ASSERT_TRUE(rotated.opening(sealed.name, 500, opened));
  EXPECT_EQ(opened.cipher, sealed.cipher);
  EXPECT_FALSE(stranger.opening(sealed.name, 500, opened));
  EXPECT_NE(rotated.sealing(500).name, sealed.name) << "the first secret seals";
  EXPECT_NE(old.sealing(600).cipher, sealed.cipher) << "a new period has a new key";
}

}  // namespace
}  // namespace drumline::transport
