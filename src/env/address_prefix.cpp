#include "env/address_prefix.hpp"

#include <charconv>

#include <arpa/inet.h>

namespace drumline::env {

std::string AddressPrefix::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return std::string(text.data()) + '/' + std::to_string(bits);
}

Result<AddressPrefix> parse_address_prefix(const std::string& text) {
  const auto wrong = [&](const std::string& why) {
    return Error{ErrorCode::invalid_argument, '"' + text + "\" " + why};
  };
  AddressPrefix prefix;
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  prefix.v6 = address.find(':') != std::string::npos;
  if (::inet_pton(prefix.v6 ? AF_INET6 : AF_INET, address.c_str(), prefix.bytes.data()) != 1)
    return wrong("is not a range of addresses such as 10.0.0.0/8 or 2001:db8::/32");
  const u8 most = prefix.v6 ? 128 : 32;
  prefix.bits = most;
  if (slash != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [at, failed] = std::from_chars(text.data() + slash + 1, end, prefix.bits);
    if (failed != std::errc{} || at != end || prefix.bits > most)
      return wrong("has no length from 0 to " + std::to_string(most) + " behind its /");
  }
  AddressPrefix cut = prefix;
  for (std::size_t bit = prefix.bits; bit < most; ++bit)
    cut.bytes[bit / 8] = static_cast<u8>(cut.bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  if (cut != prefix) return wrong("has bits beyond its length; is " + cut.to_string() + " meant?");
  return prefix;
}

}  // namespace drumline::env
