#include "duel/document.hpp"

#include <algorithm>
#include <string>

#include <toml++/toml.h>

namespace drumline::duel {
namespace {

Error at_line(const toml::source_region& source, const std::string& what) {
  return Error{ErrorCode::invalid_argument,
               "duel rules, line " + std::to_string(source.begin.line) + ": " + what};
}

std::string described(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::integer:
      return std::to_string(node.as_integer()->get());
    case toml::node_type::string:
      return "the text \"" + node.as_string()->get() + "\"";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return node.as_boolean()->get() ? "true" : "false";
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "an array";
    default:
      return "a date or time";
  }
}

Result<void> read_number(const toml::node& node, std::string_view section, std::string_view key,
                         std::span<const Number> numbers) {
  const std::string path = "'" + std::string(section) + "." + std::string(key) + "'";
  const auto known = std::find_if(numbers.begin(), numbers.end(), [&](const Number& number) {
    return section == number.section && key == number.key;
  });
  if (known == numbers.end()) return at_line(node.source(), "there is no key " + path);
  const toml::value<i64>* integer = node.as_integer();
  if (integer == nullptr || integer->get() < known->low || integer->get() > known->high) {
    return at_line(node.source(), path + " is " + described(node) + "; it must be an integer from " +
                                      std::to_string(known->low) + " to " + std::to_string(known->high));
  }
  *known->value = integer->get();
  return {};
}

Result<void> read_section(const toml::node& node, std::string_view section, std::span<const Number> numbers) {
  const std::string name = "'" + std::string(section) + "'";
  const bool known = std::any_of(numbers.begin(), numbers.end(),
                                 [&](const Number& number) { return section == number.section; });
  if (!known) return at_line(node.source(), "there is no section " + name);
  const toml::table* keys = node.as_table();
  if (keys == nullptr) {
    return at_line(node.source(), name + " is " + described(node) + "; it must be a section");
  }
  for (const auto& [key, value] : *keys) {
    if (Result<void> read = read_number(value, section, key.str(), numbers); !read) return read;
  }
  return {};
}

}  // namespace

Result<void> read_document(std::string_view document, std::span<const Number> numbers) {
  try {
    const toml::table root = toml::parse(document);
    for (const auto& [section, node] : root) {
      if (Result<void> read = read_section(node, section.str(), numbers); !read) return read;
    }
  } catch (const toml::parse_error& error) {
    return at_line(error.source(), std::string(error.description()));
  }
  return {};
}

}  // namespace drumline::duel
