#include "base/request_target.hpp"

#include <algorithm>
#include <cctype>

#include "base/types.hpp"

namespace drumline {
namespace {

constexpr std::size_t kMaxQueryKeys = 32;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// Appends the decoded text; '+' is a space in a query only. False when it is malformed.
bool percent_decode(std::string_view text, bool plus_is_space, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return false;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (is_control(c)) return false;
    out.push_back(c);
  }
  return true;
}

Error malformed_target(const char* what) {
  return {ErrorCode::malformed, std::string("the request target is malformed: ") + what};
}

}  // namespace

std::string_view RequestTarget::query_value(std::string_view key) const {
  const auto found = query.find(key);
  return found == query.end() ? std::string_view{} : std::string_view{found->second};
}

Result<RequestTarget> parse_request_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return malformed_target("it does not begin with '/'");
  RequestTarget parsed;
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  if (!percent_decode(target.substr(0, mark), false, parsed.path)) {
    return malformed_target("a broken escape or a control character in the path");
  }
  if (mark == std::string_view::npos) return parsed;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    std::string key;
    std::string value;
    if (!percent_decode(pair.substr(0, equals), true, key) ||
        (equals != std::string_view::npos && !percent_decode(pair.substr(equals + 1), true, value))) {
      return malformed_target("a broken escape or a control character in the query");
    }
    parsed.query.try_emplace(std::move(key), std::move(value));
    if (parsed.query.size() > kMaxQueryKeys) return malformed_target("more than 32 keys in the query");
  }
  return parsed;
}

std::string authority_host(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    authority.remove_prefix(1);
    authority = authority.substr(0, authority.find(']'));
  } else if (authority.find(':') == authority.rfind(':')) {
    authority = authority.substr(0, authority.find(':'));
  }
  std::string host(authority);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return host;
}

bool is_loopback_authority(std::string_view authority) {
  const std::string host = authority_host(authority);
  if (host == "localhost" || host == "::1") return true;
  // 127.a.b.c in plain decimal; anything else that begins so is a name someone else may own.
  if (host.rfind("127.", 0) != 0) return false;
  int parts = 1;
  int digits = 0;
  int number = 0;
  for (const char c : std::string_view(host).substr(4)) {
    if (c == '.') {
      if (digits == 0) return false;
      ++parts;
      digits = 0;
      number = 0;
    } else if (c >= '0' && c <= '9') {
      number = number * 10 + (c - '0');
      if (++digits > 3 || number > 255) return false;
    } else {
      return false;
    }
  }
  return parts == 3 && digits > 0;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    // The compiler must not turn this into an early exit.
    asm volatile("" : "+r"(difference));
  }
  return difference == 0;
}

std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(authorization[i])) != kScheme[i]) return {};
  }
  authorization.remove_prefix(kScheme.size());
  while (!authorization.empty() && authorization.front() == ' ') authorization.remove_prefix(1);
  while (!authorization.empty() && authorization.back() == ' ') authorization.remove_suffix(1);
  return authorization;
}

}  // namespace drumline
