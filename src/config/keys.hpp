// The one table of configuration keys: parsing, checks, the printed default
// file, docs/configuration.md and /config are all driven by it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/configuration.hpp"

namespace drumline::config {

/// What a key can hold. Integers are within i64, as in TOML.
using Value = std::variant<bool, i64, std::string, std::vector<std::string>>;

enum class ValueType { boolean, integer, text, choice, list };

struct Key {
  std::string_view section;
  std::string_view name;
  ValueType type = ValueType::text;
  std::string_view unit;                  ///< "s", "bytes"; empty for a plain number
  i64 minimum = 0;                        ///< integer
  i64 maximum = 0;                        ///< integer
  std::vector<std::string_view> choices;  ///< choice
  bool secret = false;                    ///< never shown: only whether it is set
  std::string_view help;                  ///< sentences, ending in a full stop
  Value (*get)(const Configuration&) = nullptr;
  void (*set)(Configuration&, const Value&) = nullptr;  ///< the value has been checked

  std::string path() const { return std::string(section) + '.' + std::string(name); }
  /// "DRUMLINE_LISTEN_PORT"
  std::string environment_name() const;
  /// "an integer from 1 to 65535 (ticks)": what it takes, for messages and documents.
  std::string allowed() const;
  /// Why `value` cannot be held, or nothing. The type must match already.
  std::optional<std::string> objection(const Value& value) const;
};

struct Section {
  std::string_view name;
  std::string_view help;
};

/// In the order of the printed file; the keys of a section stand together.
std::span<const Key> keys();
std::span<const Section> sections();
const Key* find_key(std::string_view section, std::string_view name);

/// As TOML writes it: 7777, true, "arena", ["a", "b"].
std::string to_toml(const Value& value);

}  // namespace drumline::config
