#include "config/print.hpp"

#include <nlohmann/json.hpp>

namespace drumline::config {
namespace {

constexpr std::size_t kCommentColumns = 96;

/// Appends `text` as comment lines.
void append_comment(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t size = text.size();
    if (size > kCommentColumns) {
      size = text.rfind(' ', kCommentColumns);
      if (size == std::string_view::npos || size == 0) size = text.size();
    }
    out.append("# ").append(text.substr(0, size)).append("\n");
    text.remove_prefix(size);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
}

nlohmann::ordered_json to_json(const Value& value) {
  return std::visit([](const auto& held) { return nlohmann::ordered_json(held); }, value);
}

/// A table's cell: a bar would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::string print_toml(const Configuration& values) {
  std::string out;
  append_comment(
      out,
      "Drumline's configuration. Every key is here with its value; what is left out keeps its default. "
      "An environment variable wins over this file, and a flag over both.");
  for (const Section& section : sections()) {
    out += '\n';
    append_comment(out, section.help);
    out.append("[").append(section.name).append("]\n");
    for (const Key& key : keys()) {
      if (key.section != section.name) continue;
      out += '\n';
      append_comment(out, key.help);
      append_comment(out, "Takes " + key.allowed() + "; default " + to_toml(key.get(Configuration{})) +
                              ". Environment: " + key.environment_name());
      out.append(key.name).append(" = ").append(to_toml(key.get(values))).append("\n");
    }
  }
  return out;
}

std::string print_markdown() {
  std::string out;
  for (const Section& section : sections()) {
    out.append("### [").append(section.name).append("]\n\n").append(section.help);
    out.append("\n\n| Key | Default | Takes | Meaning |\n|---|---|---|---|\n");
    for (const Key& key : keys()) {
      if (key.section != section.name) continue;
      out.append("| `").append(key.name).append("` | `").append(to_toml(key.get(Configuration{})));
      out.append("` | ").append(cell(key.allowed())).append(" | ").append(cell(key.help)).append(" |\n");
    }
    out += '\n';
  }
  return out;
}

std::string print_json(const Loaded& loaded) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  const auto all = keys();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Key& key = all[i];
    nlohmann::ordered_json entry;
    const Value value = key.get(loaded.values);
    if (key.secret) {
      entry["value"] = std::get<std::string>(value).empty() ? "not set" : "set";
    } else {
      entry["value"] = to_json(value);
      entry["default"] = to_json(key.get(Configuration{}));
    }
    entry["source"] = i < loaded.sources.size() ? loaded.sources[i] : "default";
    root[std::string(key.section)][std::string(key.name)] = std::move(entry);
  }
  return root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace drumline::config
