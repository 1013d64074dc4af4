// What one key takes, and how values are written. keys.cpp: all keys.
#include <algorithm>
#include <cctype>

#include "config/key_units.hpp"
#include "config/keys.hpp"
#include "env/address_prefix.hpp"
#include "env/network.hpp"

namespace drumline::config {
namespace {

bool is_power_of_two(i64 value) {
  return value > 0 && (value & (value - 1)) == 0;
}

std::string grouped(i64 number) {
  std::string digits = std::to_string(number);
  if (number < 0 || digits.size() < 5) return digits;
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7F) {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      out.append("\\u00").push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  return out + '"';
}

}  // namespace

std::string Key::environment_name() const {
  std::string out = "DRUMLINE_" + std::string(section) + '_' + std::string(name);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::string Key::allowed() const {
  std::string out;
  switch (type) {
    case ValueType::boolean:
      return "true or false";
    case ValueType::integer:
      out = "an integer from " + grouped(minimum) + " to " + grouped(maximum);
      break;
    case ValueType::text:
      out = "a string";
      break;
    case ValueType::list:
      out = "an array of strings";
      break;
    case ValueType::choice:
      for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) out += i + 1 == choices.size() ? " or " : ", ";
        out += quoted(choices[i]);
      }
      break;
  }
  if (!unit.empty()) out += " (" + std::string(unit) + ')';
  return out;
}

std::optional<std::string> Key::objection(const Value& value) const {
  switch (type) {
    case ValueType::integer: {
      const i64 number = std::get<i64>(value);
      if (number < minimum || number > maximum) return "out of range";
      if (name == "input_ring_slots" && !is_power_of_two(number)) return "not a power of two";
      break;
    }
    case ValueType::choice: {
      const auto& text = std::get<std::string>(value);
      if (std::find(choices.begin(), choices.end(), text) == choices.end()) return "not one of them";
      break;
    }
    case ValueType::text: {
      const auto& text = std::get<std::string>(value);
      if (text.find('\0') != std::string::npos) return "it holds a zero byte";
      if (unit == kAddress) {
        const bool v6 = text.find(':') != std::string::npos;
        if (!env::parse_address(v6 ? '[' + text + "]:0" : text + ":0")) {
          return "not an IPv4 or IPv6 address such as 127.0.0.1 or ::1";
        }
      }
      if (unit == kUrlPath &&
          (text.empty() || text.front() != '/' || text.find_first_of("?#% ") != text.npos)) {
        return "not a plain path";
      }
      if (unit == kToken && !text.empty() && text.size() < 24) return "too short to be safe";
      if (name == "game" && text.empty()) return "empty";
      break;
    }
    case ValueType::list:
      if (unit == kInterface) {
        const auto& names = std::get<std::vector<std::string>>(value);
        if (names.size() > kMaxInterfaces) return "too many";
        for (const std::string& item : names) {
          if (item.empty() || item.size() > kMaxInterfaceName) return quoted(item) + " is no such name";
        }
      }
      if (unit == kPrefix) {
        for (const std::string& item : std::get<std::vector<std::string>>(value)) {
          if (auto prefix = env::parse_address_prefix(item); !prefix) return prefix.error().message;
        }
      }
      for (const std::string& item : std::get<std::vector<std::string>>(value)) {
        if (unit != kOrigin || item == "*") continue;
        const std::size_t scheme = item.find("://");
        if (scheme == std::string::npos || item.find('/', scheme + 3) != std::string::npos) {
          return quoted(item) + " is not an origin such as \"https://play.example:8443\"";
        }
      }
      break;
    case ValueType::boolean:
      break;
  }
  return std::nullopt;
}

std::string to_toml(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<i64>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  std::string out = "[";
  for (const std::string& item : std::get<std::vector<std::string>>(value)) {
    if (out.size() > 1) out += ", ";
    out += quoted(item);
  }
  return out + ']';
}

}  // namespace drumline::config
