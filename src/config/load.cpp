#include "config/load.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

#include <toml++/toml.h>

#include "base/log.hpp"
#include "base/request_target.hpp"
#include "config/suggest.hpp"

extern char** environ;

namespace drumline::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxShownBytes = 60;

std::string shortened(std::string text) {
  text = printable(text);
  if (text.size() > kMaxShownBytes) text = text.substr(0, kMaxShownBytes - 3) + "...";
  return text;
}

const char* kind_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& concrete) { out << concrete; });
  return shortened(out.str());
}

/// The value if the node is of the key's type.
std::optional<Value> value_of(const Key& key, const toml::node& node) {
  switch (key.type) {
    case ValueType::boolean:
      if (const auto* held = node.as_boolean()) return Value(held->get());
      break;
    case ValueType::integer:
      if (const auto* held = node.as_integer()) return Value(i64{held->get()});
      break;
    case ValueType::text:
    case ValueType::choice:
      if (const auto* held = node.as_string()) return Value(held->get());
      break;
    case ValueType::list:
      if (const auto* held = node.as_array()) {
        std::vector<std::string> items;
        for (const toml::node& item : *held) {
          const auto* text = item.as_string();
          if (text == nullptr) return std::nullopt;
          items.push_back(text->get());
        }
        return Value(std::move(items));
      }
      break;
  }
  return std::nullopt;
}

/// The value if the text of a variable or flag spells one of the key's type.
std::optional<Value> value_of(const Key& key, const std::string& text) {
  switch (key.type) {
    case ValueType::boolean:
      if (text == "true" || text == "1") return Value(true);
      if (text == "false" || text == "0") return Value(false);
      return std::nullopt;
    case ValueType::integer: {
      i64 number = 0;
      const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
      return Value(number);
    }
    case ValueType::text:
    case ValueType::choice:
      return Value(text);
    case ValueType::list: {
      std::vector<std::string> items;
      std::istringstream in(text);
      for (std::string item; std::getline(in, item, ',');) {
        if (!item.empty()) items.push_back(item);
      }
      return Value(std::move(items));
    }
  }
  return std::nullopt;
}

/// Collects values by key, later sources over earlier ones, and what is wrong.
class Loader {
 public:
  Loader() {
    places_.resize(keys().size());
    outcome_.loaded.sources.assign(keys().size(), "default");
  }

  void read_file(const std::string& name, const std::string& text) {
    toml::table root;
    try {
      root = toml::parse(text, name);
    } catch (const toml::parse_error& error) {
      report({name, error.source().begin.line, error.source().begin.column, "",
              std::string(error.description())});
      return;
    }
    for (const auto& [section, node] : root) read_section(name, section, node);
  }

  void read_environment(const std::vector<std::pair<std::string, std::string>>& environment) {
    for (const auto& [name, text] : environment) {
      if (name.rfind("DRUMLINE_", 0) != 0) continue;
      const auto all = keys();
      const auto key = std::find_if(all.begin(), all.end(), [&, &variable = name](const Key& k) {
        return k.environment_name() == variable;
      });
      if (key != all.end()) {
        read_text(*key, text, {"environment", 0, 0, key->environment_name(), ""}, "environment");
        continue;
      }
      std::vector<std::string> names;
      for (const Key& known : all) names.push_back(known.environment_name());
      const std::string hint = suggestion(name, names);
      if (names_a_section(name)) {
        report({"environment", 0, 0, name, "this variable names no key" + hint});
      } else {
        outcome_.loaded.warnings.push_back("the environment variable " + printable(name) +
                                           " names no section and is ignored" + hint);
      }
    }
  }

  void read_flag(const Sources::Flag& flag) {
    const std::size_t dot = flag.key.find('.');
    const Key* key = dot == std::string::npos ? nullptr
                                              : find_key(std::string_view(flag.key).substr(0, dot),
                                                         std::string_view(flag.key).substr(dot + 1));
    if (key == nullptr) {
      std::vector<std::string> names;
      for (const Key& known : keys()) names.push_back(known.path());
      report({flag.flag, 0, 0, flag.key, "there is no such key" + suggestion(flag.key, names)});
      return;
    }
    read_text(*key, flag.value, {flag.flag, 0, 0, key->path(), ""}, "flag " + flag.flag);
  }

  /// What no key can say alone. Told at the place of the value that was set.
  void check_together() {
    const Configuration& values = outcome_.loaded.values;
    if (values.gateway.keep_alive_s >= values.gateway.idle_timeout_s) {
      conflict("gateway", "keep_alive_s", "gateway", "idle_timeout_s",
               "it must be less than gateway.idle_timeout_s, or quiet sessions die before their first ping");
    }
    if (values.gateway.retry_threshold > values.gateway.max_handshakes) {
      conflict("gateway", "retry_threshold", "gateway", "max_handshakes",
               "it must not be above gateway.max_handshakes, or Retry never begins");
    }
    if (!is_loopback_authority(bracketed(values.listen.admin_address)) && values.listen.admin_token.empty()) {
      conflict("listen", "admin_address", "listen", "admin_token",
               "an admin endpoint that is not on loopback needs listen.admin_token");
    }
    if (values.listen.port != 0 && values.listen.port == values.listen.admin_port &&
        values.listen.address == values.listen.admin_address) {
      conflict("listen", "admin_port", "listen", "port",
               "it must differ from listen.port on the same address");
    }
  }

  Outcome finish() { return std::move(outcome_); }

 private:
  static std::string bracketed(const std::string& address) {
    return address.find(':') == std::string::npos ? address : '[' + address + ']';
  }

  static bool names_a_section(std::string_view variable) {
    return std::any_of(sections().begin(), sections().end(), [&](const Section& section) {
      std::string prefix = "DRUMLINE_" + std::string(section.name) + '_';
      std::transform(prefix.begin(), prefix.end(), prefix.begin(),
                     [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      return variable.rfind(prefix, 0) == 0;
    });
  }

  void read_section(const std::string& file, const toml::key& section, const toml::node& node) {
    const auto source = section.source().begin;
    const std::string name(section.str());
    std::vector<std::string> known;
    for (const Section& s : sections()) known.emplace_back(s.name);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      if (!node.is_table()) {
        report({file, source.line, source.column, name, "keys stand in sections" + home_of(name, known)});
      } else {
        report(
            {file, source.line, source.column, name, "there is no such section" + suggestion(name, known)});
      }
      return;
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      report({file, source.line, source.column, name,
              "this is a section, so write [" + name + "] and its keys below; found " + kind_name(node)});
      return;
    }
    for (const auto& [key, value] : *table) read_key(file, name, key, value);
  }

  void read_key(const std::string& file, const std::string& section, const toml::key& name,
                const toml::node& node) {
    const std::string path = section + '.' + std::string(name.str());
    const Key* key = find_key(section, name.str());
    if (key == nullptr) {
      const auto at = name.source().begin;
      std::vector<std::string> known;
      for (const Key& k : keys()) {
        if (k.section == section) known.emplace_back(k.name);
      }
      report(
          {file, at.line, at.column, path, "there is no such key" + home_of(std::string(name.str()), known)});
      return;
    }
    const auto at = node.source().begin;
    Problem place{file, at.line, at.column, path, ""};
    const auto value = value_of(*key, node);
    if (!value) {
      const std::string found = key->secret ? std::string() : shown(node) + ", ";
      place.message = "found " + found + kind_name(node) + "; it takes " + key->allowed();
      report(std::move(place));
      return;
    }
    take(*key, *value, std::move(place), file + ':' + std::to_string(at.line));
  }

  void read_text(const Key& key, const std::string& text, Problem place, std::string source) {
    const auto value = value_of(key, text);
    if (!value) {
      place.message = "found \"" + shortened(text) + "\"; it takes " + key.allowed();
      report(std::move(place));
      return;
    }
    take(key, *value, std::move(place), std::move(source));
  }

  void take(const Key& key, const Value& value, Problem place, std::string source) {
    if (const auto objection = key.objection(value)) {
      const std::string found = key.secret ? "the value is " : shortened(to_toml(value)) + " is ";
      place.message = found + *objection + "; it takes " + key.allowed();
      // An objection may be a sentence of its own ("… is not an origin").
      if (key.type == ValueType::list) place.message = *objection + "; it takes " + key.allowed();
      report(std::move(place));
      return;
    }
    key.set(outcome_.loaded.values, value);
    const auto index = static_cast<std::size_t>(&key - keys().data());
    outcome_.loaded.sources[index] = std::move(source);
    places_[index] = std::move(place);
  }

  /// Two keys disagree; the place is the first one's unless only the other was set.
  void conflict(std::string_view section, std::string_view name, std::string_view other_section,
                std::string_view other_name, const std::string& message) {
    const Key& key = *find_key(section, name);
    const Key& other = *find_key(other_section, other_name);
    const auto& own_place = places_[static_cast<std::size_t>(&key - keys().data())];
    const auto& other_place = places_[static_cast<std::size_t>(&other - keys().data())];
    Problem problem = own_place ? *own_place : other_place ? *other_place : Problem{"default", 0, 0, "", ""};
    problem.key = key.path();
    const auto value = [&](const Key& k) {
      const Value held = k.get(outcome_.loaded.values);
      if (k.secret) return std::string(std::get<std::string>(held).empty() ? "not set" : "set");
      return shortened(to_toml(held));
    };
    problem.message =
        value(key) + " does not go with " + other.path() + " (" + value(other) + "): " + message;
    report(std::move(problem));
  }

  /// "; did you mean …", or where the key does stand.
  static std::string home_of(const std::string& name, const std::vector<std::string>& near) {
    for (const Key& key : keys()) {
      if (key.name == name) return "; " + name + " stands in [" + std::string(key.section) + ']';
    }
    if (std::string hint = suggestion(name, near); !hint.empty()) return hint;
    std::vector<std::string> all;
    for (const Key& key : keys()) all.emplace_back(key.name);
    const std::string nearest = nearest_name(name, all);
    if (nearest.empty()) return "";
    for (const Key& key : keys()) {
      if (key.name == nearest) return "; did you mean " + nearest + " in [" + std::string(key.section) + "]?";
    }
    return "";
  }

  void report(Problem problem) {
    problem.key = shortened(std::move(problem.key));
    outcome_.problems.push_back(std::move(problem));
  }

  Outcome outcome_;
  /// Where each key's value was set, for checks that come later.
  std::vector<std::optional<Problem>> places_;
};

}  // namespace

std::string Problem::to_string() const {
  std::string out = source;
  if (line > 0) out += ':' + std::to_string(line) + ':' + std::to_string(column);
  out += ": ";
  if (!key.empty()) out += key + ": ";
  return out + message;
}

Outcome load(const Sources& sources) {
  Loader loader;
  if (sources.file_text) loader.read_file(sources.file_name, *sources.file_text);
  loader.read_environment(sources.environment);
  for (const Sources::Flag& flag : sources.flags) loader.read_flag(flag);
  loader.check_together();
  Outcome outcome = loader.finish();
  // Tables keep no order of lines; people read from the top.
  std::stable_sort(outcome.problems.begin(), outcome.problems.end(), [](const Problem& a, const Problem& b) {
    if ((a.line > 0) != (b.line > 0)) return a.line > 0;
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return outcome;
}

Result<Loaded> load_or_explain(const Sources& sources) {
  Outcome outcome = load(sources);
  if (outcome.problems.empty()) return std::move(outcome.loaded);
  Error error{ErrorCode::invalid_argument, ""};
  for (const Problem& problem : outcome.problems) {
    if (!error.message.empty()) error.message += '\n';
    error.message += problem.to_string();
  }
  return error;
}

Result<std::string> read_configuration_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{ErrorCode::not_found,
                 "the configuration file " + path +
                     " cannot be read; `drumline serve --print-config` prints one to start from"};
  }
  std::string text;
  text.resize(kMaxFileBytes + 1);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return Error{ErrorCode::io, "reading the configuration file " + path + " failed"};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxFileBytes) {
    return Error{ErrorCode::malformed, path + " is larger than 1 MiB, so it is no configuration file"};
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) all.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

}  // namespace drumline::config
