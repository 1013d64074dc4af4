#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

#include "env/network.hpp"

namespace drumline::env {

namespace {

constexpr std::array<u8, 12> kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

Error not_an_address(const std::string& text, const char* why) {
  return {ErrorCode::invalid_argument, "\"" + text + "\" is not an address: " + why +
                                           "; write 127.0.0.1:7777, [::1]:7777 or localhost:7777"};
}

}  // namespace

bool Address::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), ip.begin());
}

bool Address::is_loopback() const {
  if (is_v4()) return ip[12] == 127;
  return ip[15] == 1 && std::all_of(ip.begin(), ip.begin() + 15, [](u8 byte) { return byte == 0; });
}

std::string Address::to_string() const {
  char host[INET6_ADDRSTRLEN] = {};
  std::string text;
  if (is_v4()) {
    inet_ntop(AF_INET, ip.data() + 12, host, sizeof host);
    text.append(host);
  } else {
    inet_ntop(AF_INET6, ip.data(), host, sizeof host);
    text.append("[").append(host).append("]");
  }
  return text.append(":").append(std::to_string(port));
}

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return not_an_address(text, "the port is missing");
  std::string host = text.substr(0, colon);

  Address address;
  const char* first = text.data() + colon + 1;
  const char* last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(first, last, address.port);
  if (first == last || end != last || failed != std::errc{}) {
    return not_an_address(text, "the port is not a number from 0 to 65535");
  }

  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, host.c_str(), address.ip.data()) != 1) {
      return not_an_address(text, "what stands in the brackets is no IPv6 address");
    }
    return address;
  }
  if (host == "localhost") host = "127.0.0.1";
  std::copy(kV4Prefix.begin(), kV4Prefix.end(), address.ip.begin());
  if (inet_pton(AF_INET, host.c_str(), address.ip.data() + 12) != 1) {
    return not_an_address(text,
                          "the host is no IPv4 address (names are not looked up, IPv6 goes in brackets)");
  }
  return address;
}

}  // namespace drumline::env
