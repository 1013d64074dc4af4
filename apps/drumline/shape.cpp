// drumline shape: looks at, and changes, how the kernel shapes the packets of a node that runs.
#include <charconv>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "ebpf/shaping.hpp"
#include "env/address_prefix.hpp"

namespace drumline::app {
namespace {

struct ShapeArguments {
  int port = 7777;
  std::string folder;
  std::vector<std::string> words;  ///< NAME=NUMBER, or prefixes

  std::string pins() const {
    return folder.empty() ? ebpf::default_pin_folder(static_cast<u16>(port)) : folder;
  }
};

const char* rule_name(shaping_rule rule) {
  return rule == SHAPING_RULE_ALLOW ? "allow" : "block";
}

void show_json(const shaping_settings& settings, const ebpf::VerdictCounts& counts,
               const std::vector<ebpf::PrefixRule>& rules) {
  nlohmann::ordered_json json{{"port", settings.port}};
  for (const ebpf::ShapingRate& rate : ebpf::shaping_rates())
    json[std::string(rate.name)] = settings.*rate.field;
  json["block"] = json["allow"] = nlohmann::ordered_json::array();
  for (const ebpf::PrefixRule& rule : rules) json[rule_name(rule.rule)].push_back(rule.prefix.to_string());
  for (u32 i = 0; i < SHAPING_VERDICTS; ++i) {
    json["verdicts"][std::string(ebpf::verdict_name(static_cast<shaping_verdict>(i)))] = {
        {"packets", counts[i].packets}, {"bytes", counts[i].bytes}};
  }
  std::printf("%s\n", json.dump().c_str());
}

void show_text(const shaping_settings& settings, const ebpf::VerdictCounts& counts,
               const std::vector<ebpf::PrefixRule>& rules) {
  std::printf("UDP port %u\n", settings.port);
  for (const ebpf::ShapingRate& rate : ebpf::shaping_rates()) {
    std::printf("  %-24.*s %llu\n", static_cast<int>(rate.name.size()), rate.name.data(),
                static_cast<unsigned long long>(settings.*rate.field));
  }
  for (const ebpf::PrefixRule& rule : rules)
    std::printf("  %s %s\n", rule_name(rule.rule), rule.prefix.to_string().c_str());
  for (u32 i = 0; i < SHAPING_VERDICTS; ++i) {
    const auto verdict = static_cast<shaping_verdict>(i);
    std::printf("  %-3s %-10s %14llu packets %18llu bytes\n", ebpf::is_outgoing(verdict) ? "out" : "in",
                std::string(ebpf::verdict_name(verdict)).c_str(),
                static_cast<unsigned long long>(counts[i].packets),
                static_cast<unsigned long long>(counts[i].bytes));
  }
}

int show(const ShapeArguments& arguments, const GlobalOptions& global) {
  const auto maps = ebpf::ShapingMaps::open(arguments.pins());
  if (!maps) return fail(maps.error());
  const auto settings = maps->settings();
  if (!settings) return fail(settings.error());
  const auto counts = maps->counts();
  if (!counts) return fail(counts.error());
  const auto rules = maps->rules();
  if (!rules) return fail(rules.error());
  (global.json ? show_json : show_text)(*settings, *counts, *rules);
  return kDone;
}

/// "packets_per_second=2000"
Result<void> set_rate(shaping_settings& settings, const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  std::string names;
  for (const ebpf::ShapingRate& rate : ebpf::shaping_rates()) {
    names += (names.empty() ? "" : ", ") + std::string(rate.name);
    if (rate.name != name || equals == std::string::npos) continue;
    u64 number = 0;
    const char* const end = word.data() + word.size();
    const auto [at, failed] = std::from_chars(word.data() + equals + 1, end, number);
    if (failed != std::errc{} || at != end || number < rate.least || number > ebpf::kMaxShapingRate) {
      return Error{ErrorCode::invalid_argument, '"' + word + "\" has no number from " +
                                                    std::to_string(rate.least) + " to " +
                                                    std::to_string(ebpf::kMaxShapingRate) + " behind its ="};
    }
    settings.*rate.field = number;
    return {};
  }
  return Error{ErrorCode::invalid_argument, '"' + word + "\" is no NAME=NUMBER; the names are " + names};
}

int set_rates(const ShapeArguments& arguments) {
  auto maps = ebpf::ShapingMaps::open(arguments.pins());
  if (!maps) return fail(maps.error());
  auto settings = maps->settings();
  if (!settings) return fail(settings.error());
  for (const std::string& word : arguments.words) {
    if (auto set = set_rate(*settings, word); !set) return fail(set.error());
  }
  if (auto changed = maps->change_settings(*settings); !changed) return fail(changed.error());
  return kDone;
}

/// `change` is called for each prefix, once all have been read.
int change_rules(const ShapeArguments& arguments,
                 const std::function<Result<void>(ebpf::ShapingMaps&, const env::AddressPrefix&)>& change) {
  std::vector<env::AddressPrefix> prefixes;
  for (const std::string& word : arguments.words) {
    auto prefix = env::parse_address_prefix(word);
    if (!prefix) return fail(prefix.error());
    prefixes.push_back(*prefix);
  }
  auto maps = ebpf::ShapingMaps::open(arguments.pins());
  if (!maps) return fail(maps.error());
  for (const env::AddressPrefix& prefix : prefixes) {
    if (auto changed = change(*maps, prefix); !changed) return fail(changed.error());
  }
  return kDone;
}

int clear(const ShapeArguments& arguments, const GlobalOptions& global) {
  const auto removed = ebpf::Shaping::remove_leftovers(arguments.pins());
  if (!removed) return fail(removed.error());
  if (!global.quiet) std::printf("%s\n", *removed ? "taken away" : "nothing was left");
  return kDone;
}

}  // namespace

void add_shape(CLI::App& app, const GlobalOptions& global, int& status) {
  auto arguments = std::make_shared<ShapeArguments>();
  CLI::App* command = app.add_subcommand(
      "shape", "Looks at and changes how the kernel shapes packets of a node that runs on this machine");
  command->require_subcommand(1);
  command->add_option("--port", arguments->port, "The node's UDP port")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_option("--folder", arguments->folder,
                      "Where its maps are pinned, if shaping.pin_folder is set");

  CLI::App* part = command->add_subcommand("show", "Rates, ranges of addresses, and what became of packets");
  part->callback([arguments, &global, &status] { status = show(*arguments, global); });

  part = command->add_subcommand("set", "Changes rates, from the next packet on");
  part->add_option("rates", arguments->words, "NAME=NUMBER, named as in the configuration")->required();
  part->callback([arguments, &status] { status = set_rates(*arguments); });

  const auto add_rule = [&](const char* name, const char* help, shaping_rule rule) {
    CLI::App* sub = command->add_subcommand(name, help);
    sub->add_option("ranges", arguments->words, "10.0.0.0/8, 2001:db8::1, …")->required();
    sub->callback([arguments, rule, &status] {
      status = change_rules(*arguments, [rule](ebpf::ShapingMaps& maps, const env::AddressPrefix& prefix) {
        return maps.set_rule({prefix, rule});
      });
    });
  };
  add_rule("block", "Drops what comes from these addresses", SHAPING_RULE_BLOCK);
  add_rule("allow", "Keeps no rates of these addresses", SHAPING_RULE_ALLOW);

  part = command->add_subcommand("forget", "Takes back block or allow");
  part->add_option("ranges", arguments->words, "As they were given")->required();
  part->callback([arguments, &status] {
    status = change_rules(*arguments, [](ebpf::ShapingMaps& maps, const env::AddressPrefix& prefix) {
      return maps.forget_rule(prefix);
    });
  });

  part = command->add_subcommand("clear", "Takes away what a node that was killed has left");
  part->callback([arguments, &global, &status] { status = clear(*arguments, global); });
  command->footer(
      "Example:\n  drumline shape set packets_per_second=2000\n  drumline shape block 203.0.113.0/24\n  "
      "drumline shape show");
}

}  // namespace drumline::app
