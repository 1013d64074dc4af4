// A range of IP addresses: 10.0.0.0/8, 2001:db8::/32.
#pragma once

#include <array>
#include <compare>
#include <string>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::env {

struct AddressPrefix {
  bool v6 = false;
  u8 bits = 0;                 ///< of 32 or 128
  std::array<u8, 16> bytes{};  ///< IPv4 has the first four; those beyond `bits` are 0

  friend auto operator<=>(const AddressPrefix&, const AddressPrefix&) = default;
  std::string to_string() const;
};

/// An address alone is a prefix of its full length. Bits that are set beyond the length are
/// invalid_argument, as one of the two is then a mistake.
Result<AddressPrefix> parse_address_prefix(const std::string& text);

}  // namespace drumline::env
