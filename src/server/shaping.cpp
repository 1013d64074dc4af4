// From the configuration to programs in the kernel that shape packets.
#include <algorithm>

#include "base/log.hpp"
#include "env/address_prefix.hpp"
#include "server/server.hpp"
#include "transport/quic/quic_server.hpp"

namespace drumline::server {
namespace {

void add_rules(std::vector<ebpf::PrefixRule>& rules, const std::vector<std::string>& prefixes,
               shaping_rule rule) {
  for (const std::string& text : prefixes) {
    auto prefix = env::parse_address_prefix(text);
    DRUM_ASSERT(prefix.ok());  // the configuration was checked
    rules.push_back({*prefix, rule});
  }
}

ebpf::ShapingOptions options_of(const config::Configuration& values, u16 port) {
  const config::Shaping& wanted = values.shaping;
  ebpf::ShapingOptions options;
  options.interfaces = wanted.interfaces;
  if (wanted.mode == "native") options.mode = ebpf::XdpMode::native;
  if (wanted.mode == "generic") options.mode = ebpf::XdpMode::generic;
  options.max_sources = wanted.max_sources;
  shaping_settings& settings = options.settings;
  settings.packets_per_second = wanted.packets_per_second;
  settings.packets_burst = wanted.packets_burst;
  settings.bytes_per_second = wanted.bytes_per_second;
  settings.bytes_burst = wanted.bytes_burst;
  settings.client_bytes_per_second = wanted.client_bytes_per_second;
  settings.client_bytes_burst = wanted.client_bytes_burst;
  settings.answer_unknown_versions = wanted.unknown_versions == "answer" ? 1 : 0;
  static_assert(transport::kQuicVersions.size() <= SHAPING_VERSIONS);
  std::copy(transport::kQuicVersions.begin(), transport::kQuicVersions.end(), settings.versions);
  settings.shards = values.gateway.shards;
  settings.port = port;
  add_rules(options.rules, wanted.block, SHAPING_RULE_BLOCK);
  add_rules(options.rules, wanted.allow, SHAPING_RULE_ALLOW);
  return options;
}

}  // namespace

Result<void> Server::open_shaping() {
  const config::Configuration& values = options_.configuration.values;
  const u16 port = gateways_.front()->quic_local().port;
  const std::string folder =
      values.shaping.pin_folder.empty() ? ebpf::default_pin_folder(port) : values.shaping.pin_folder;
  if (values.shaping.interfaces.empty()) {
    // A node of this port that was killed may have shaped packets, and would go on for ever.
    const auto removed = ebpf::Shaping::remove_leftovers(folder);
    if (removed && *removed)
      log_info("shaping: took away what a node that was killed has left in {}", folder);
    // What is locked is another's, of this port in another network namespace.
    if (!removed && removed.error().code != ErrorCode::unavailable)
      log_warning("shaping: {}", removed.error().message);
    return {};
  }
  ebpf::ShapingOptions options = options_of(values, port);
  options.pin_folder = folder;
  auto started = ebpf::Shaping::start(options);
  if (!started) return std::move(started).error();
  shaping_ = std::move(*started);
  std::string attached;
  for (const std::string& text : shaping_->attached()) attached += (attached.empty() ? "" : ", ") + text;
  log_info("shaping: packets of UDP port {} are looked at on {}; maps in {}", port, attached, folder);
  return {};
}

}  // namespace drumline::server
