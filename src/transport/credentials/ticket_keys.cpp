#include "transport/credentials/ticket_keys.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.hpp"

namespace drumline::transport {
namespace {

std::array<u8, 32> hmac(const TicketSecret& secret, std::string_view purpose, i64 period) {
  std::vector<u8> text(purpose.begin(), purpose.end());
  for (int shift = 56; shift >= 0; shift -= 8)
    text.push_back(static_cast<u8>(static_cast<u64>(period) >> shift));
  std::array<u8, 32> out{};
  unsigned size = 0;
  const auto* const made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), text.data(),
                                text.size(), out.data(), &size);
  DRUM_ASSERT(made != nullptr && size == out.size());
  return out;
}

}  // namespace

TicketKeys::TicketKeys(std::vector<TicketSecret> secrets, i64 period_s)
    : secrets_(std::move(secrets)), period_s_(period_s) {
  DRUM_ASSERT(!secrets_.empty() && period_s_ > 0);
}

TicketKeys::~TicketKeys() {
  for (TicketSecret& secret : secrets_) OPENSSL_cleanse(secret.data(), secret.size());
}

TicketKeys::Key TicketKeys::derive(const TicketSecret& secret, i64 period) {
  Key key;
  const auto name = hmac(secret, "tls ticket name", period);
  std::copy_n(name.begin(), key.name.size(), key.name.begin());
  key.cipher = hmac(secret, "tls ticket cipher", period);
  key.mac = hmac(secret, "tls ticket mac", period);
  return key;
}

TicketKeys::Key TicketKeys::sealing(i64 wall_now_s) const {
  return derive(secrets_.front(), wall_now_s / period_s_);
}

bool TicketKeys::opening(std::span<const u8, kNameBytes> name, i64 wall_now_s, Key& out) const {
  const i64 present = wall_now_s / period_s_;
  for (const TicketSecret& secret : secrets_) {
    for (const i64 period : {present, present - 1, present + 1}) {
      const auto expected = hmac(secret, "tls ticket name", period);
      if (std::memcmp(expected.data(), name.data(), name.size()) != 0) continue;
      out = derive(secret, period);
      return true;
    }
  }
  return false;
}

std::array<u8, 64> TicketKeys::quic_master(std::string_view binding) const {
  std::array<u8, 64> out{};
  std::string purpose = "quic tickets of ";
  purpose += binding;
  const auto first = hmac(secrets_.front(), purpose, 0);
  const auto second = hmac(secrets_.front(), purpose, 1);
  std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), out.begin()));
  return out;
}

}  // namespace drumline::transport
