#include "broadcast/sights.hpp"

#include <charconv>

#include "broadcast/schema.hpp"

namespace drumline::broadcast {
namespace {

constexpr std::string_view kFirstLine = "drumline sights 1";

/// Takes the number at the start of `text` and what separates it from the next one away.
template <class Number>
bool take_number(std::string_view& text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.empty()) return true;
  if (text.front() != ' ') return false;
  text.remove_prefix(1);
  return !text.empty();
}

bool parse_sight(std::string_view line, Sight& out) {
  if (!take_number(line, out.battle.value) || !take_number(line, out.tick) ||
      !take_number(line, out.entity.value))
    return false;
  while (!line.empty()) {
    i64 value = 0;
    if (out.values.size() == kMaxSentFields || !take_number(line, value)) return false;
    out.values.push_back(value);
  }
  return true;
}

}  // namespace

std::string write_sights(std::span<const Sight> sights) {
  std::string text(kFirstLine);
  text += '\n';
  for (const Sight& sight : sights) {
    text += std::to_string(sight.battle.value) + ' ' + std::to_string(sight.tick) + ' ' +
            std::to_string(sight.entity.value);
    for (const i64 value : sight.values) text += ' ' + std::to_string(value);
    text += '\n';
  }
  return text;
}

Result<std::vector<Sight>> read_sights(std::string_view text) {
  std::vector<Sight> sights;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool good = line_number == 1 ? line == kFirstLine : parse_sight(line, sights.emplace_back());
    if (!good) return Error{ErrorCode::malformed, "line " + std::to_string(line_number) + " is no sight"};
  }
  return sights;
}

}  // namespace drumline::broadcast
