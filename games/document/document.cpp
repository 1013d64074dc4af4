#include "rules_document/document.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"

// Compiled in and told not to throw: WebAssembly has no exceptions here. The
// library keeps the two ways apart by its inline namespaces, so that a program may
// link the other one as well.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace drumline::rules_document {
namespace {

std::string shown(const toml::node& node) {
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* text = node.as_string()) return "the text \"" + text->get() + "\"";
  if (node.is_floating_point()) return "a number with a fraction";
  if (node.is_boolean()) return "true or false";
  return node.is_table() ? "a section" : node.is_array() ? "an array" : "a date or time";
}

class Reader {
 public:
  Reader(std::string_view game, std::span<const Key> keys) : game_(game), keys_(keys) {}

  Result<void> read(std::string_view document) const {
    const toml::parse_result root = toml::parse(document);
    if (!root) return wrong(root.error().source(), std::string(root.error().description()));
    for (const auto& [name, node] : root.table()) {
      if (Result<void> section = read_section(name.str(), node); !section) return section;
    }
    return {};
  }

 private:
  Error wrong(const toml::source_region& source, const std::string& message) const {
    return Error{ErrorCode::invalid_argument,
                 std::string(game_) + " rules, line " + std::to_string(source.begin.line) + ": " + message};
  }

  Result<void> read_section(std::string_view section, const toml::node& node) const {
    bool known = false;
    for (const Key& key : keys_) known = known || key.section == section;
    if (!known) return wrong(node.source(), "there is no section '" + std::string(section) + "'");
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return wrong(node.source(),
                   "'" + std::string(section) + "' is " + shown(node) + "; it must be a section");
    }
    for (const auto& [name, value] : *table) {
      if (Result<void> read = read_value(section, name.str(), value); !read) return read;
    }
    return {};
  }

  Result<void> read_value(std::string_view section, std::string_view name, const toml::node& node) const {
    const std::string path = std::string(section) + "." + std::string(name);
    for (const Key& key : keys_) {
      if (key.section != section || key.name != name) continue;
      const auto* number = node.as_integer();
      if (number == nullptr || number->get() < key.low || number->get() > key.high) {
        return wrong(node.source(), "'" + path + "' is " + shown(node) + "; it must be an integer from " +
                                        std::to_string(key.low) + " to " + std::to_string(key.high));
      }
      *key.value = number->get();
      return {};
    }
    return wrong(node.source(), "there is no key '" + path + "'");
  }

  std::string_view game_;
  std::span<const Key> keys_;
};

/// The document that a thread read last, without an error, and what it said.
class LastRead {
 public:
  bool is_of(std::string_view game, std::string_view document, std::string_view defaults,
             std::span<const Key> keys) const {
    return game == game_ && document == document_ && defaults == defaults_ &&
           std::equal(keys.begin(), keys.end(), keys_.begin(), keys_.end(), [](const Key& a, const Key& b) {
             return a.section == b.section && a.name == b.name && a.low == b.low && a.high == b.high;
           });
  }
  void write_to(std::span<const Key> keys) const {
    for (std::size_t i = 0; i < keys.size(); ++i) *keys[i].value = values_[i];
  }
  void keep(std::string_view game, std::string_view document, std::string_view defaults,
            std::span<const Key> keys) {
    game_ = game;
    document_ = document;
    defaults_ = defaults;
    keys_.assign(keys.begin(), keys.end());
    values_.clear();
    for (Key& key : keys_) values_.push_back(*std::exchange(key.value, nullptr));
  }

 private:
  std::string game_, document_, defaults_;
  std::vector<Key> keys_;
  std::vector<i64> values_;
};

}  // namespace

Result<void> read(std::string_view game, std::string_view document, std::span<const Key> keys) {
  return Reader(game, keys).read(document);
}

Result<void> read_over(std::string_view game, std::string_view document, std::string_view defaults,
                       std::span<const Key> keys) {
  // Thousands of battles are made of one document, and reading it would be most of making one.
#ifdef __wasm__
  static LastRead last;  // one thread there, and nothing that ends what is a thread's own
#else
  thread_local LastRead last;
#endif
  if (last.is_of(game, document, defaults, keys)) {
    last.write_to(keys);
    return {};
  }
  // No key allows it.
  constexpr i64 missing = std::numeric_limits<i64>::min();
  for (const Key& key : keys) *key.value = missing;
  if (Result<void> said = read(game, document, keys); !said) return said;
  std::vector<i64> values;
  for (const Key& key : keys) values.push_back(*key.value);
  if (std::find(values.begin(), values.end(), missing) != values.end()) {
    const Result<void> whole = read(game, defaults, keys);
    DRUM_ASSERT(whole.ok());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      DRUM_ASSERT(*keys[i].value != missing);
      if (values[i] != missing) *keys[i].value = values[i];
    }
  }
  last.keep(game, document, defaults, keys);
  return {};
}

}  // namespace drumline::rules_document
