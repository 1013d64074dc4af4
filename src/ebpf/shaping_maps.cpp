#include "ebpf/shaping_maps.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "ebpf/kernel_error.hpp"

namespace drumline::ebpf {
namespace {

constexpr std::array kRates{
    ShapingRate{"packets_per_second", &shaping_settings::packets_per_second, 0},
    ShapingRate{"packets_burst", &shaping_settings::packets_burst, 1},
    ShapingRate{"bytes_per_second", &shaping_settings::bytes_per_second, 0},
    ShapingRate{"bytes_burst", &shaping_settings::bytes_burst, 1},
    ShapingRate{"client_bytes_per_second", &shaping_settings::client_bytes_per_second, 0},
    ShapingRate{"client_bytes_burst", &shaping_settings::client_bytes_burst, 1},
};

constexpr std::array<std::string_view, SHAPING_VERDICTS> kVerdictNames{
    "passed",    "allowed", "blocked", "limited", "fragment", "short",
    "malformed", "version", "astray",  "sent",    "policed",
};

/// A key of the maps of prefixes, and a prefix of such a key.
template <class Key>
Key key_of(const env::AddressPrefix& prefix) {
  Key key{};
  key.bits = prefix.bits;
  std::copy_n(prefix.bytes.begin(), sizeof key.address, key.address);
  return key;
}
template <class Key>
env::AddressPrefix prefix_of(const Key& key) {
  env::AddressPrefix prefix;
  prefix.v6 = sizeof key.address == 16;
  prefix.bits = static_cast<u8>(key.bits);
  std::copy_n(key.address, sizeof key.address, prefix.bytes.begin());
  return prefix;
}

template <class Key>
int read_rules(int map, std::vector<PrefixRule>& rules) {
  Key key{};
  const Key* before = nullptr;
  while (bpf_map_get_next_key(map, before, &key) == 0) {
    u32 rule = 0;
    // One that is forgotten meanwhile is passed over.
    if (bpf_map_lookup_elem(map, &key, &rule) == 0)
      rules.push_back({prefix_of(key), static_cast<shaping_rule>(rule)});
    before = &key;
  }
  return errno == ENOENT ? 0 : errno;
}

}  // namespace

std::span<const ShapingRate> shaping_rates() {
  return kRates;
}
std::string_view verdict_name(shaping_verdict verdict) {
  return kVerdictNames[verdict];
}
bool is_outgoing(shaping_verdict verdict) {
  return verdict == SHAPING_SENT || verdict == SHAPING_POLICED;
}
std::string default_pin_folder(u16 port) {
  return "/sys/fs/bpf/drumline-" + std::to_string(port);
}

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}
Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<ShapingMaps> ShapingMaps::open(const std::string& folder) {
  ShapingMaps maps;
  struct Wanted {
    const char* name;
    Descriptor& map;
    u32 key_bytes, value_bytes;
  };
  const Wanted all[] = {
      {"settings", maps.settings_, sizeof(u32), sizeof(shaping_settings)},
      {"verdicts", maps.verdicts_, sizeof(u32), sizeof(shaping_count)},
      {"prefixes4", maps.prefixes4_, sizeof(shaping_prefix4), sizeof(u32)},
      {"prefixes6", maps.prefixes6_, sizeof(shaping_prefix6), sizeof(u32)},
  };
  for (const Wanted& wanted : all) {
    const std::string path = folder + '/' + wanted.name;
    wanted.map = Descriptor(bpf_obj_get(path.c_str()));
    if (wanted.map.number() < 0) {
      if (errno != ENOENT) return kernel_error("open the map " + path, errno);
      return Error{ErrorCode::not_found,
                   "no node shapes packets under " + folder +
                       "; start one with shaping.interfaces set, or name its --port or --folder"};
    }
    bpf_map_info info{};
    u32 size = sizeof info;
    if (bpf_obj_get_info_by_fd(wanted.map.number(), &info, &size) != 0)
      return kernel_error("look at the map " + path, errno);
    if (info.key_size != wanted.key_bytes || info.value_size != wanted.value_bytes) {
      return Error{ErrorCode::mismatch, "the map " + path +
                                            " is of another version of drumline; use the program that its "
                                            "node runs, or start that node again"};
    }
  }
  return maps;
}

Result<shaping_settings> ShapingMaps::settings() const {
  const u32 zero = 0;
  shaping_settings settings{};
  if (bpf_map_lookup_elem(settings_.number(), &zero, &settings) != 0)
    return kernel_error("read the settings of shaping", errno);
  return settings;
}

Result<void> ShapingMaps::change_settings(const shaping_settings& settings) {
  const u32 zero = 0;
  if (bpf_map_update_elem(settings_.number(), &zero, &settings, BPF_ANY) != 0)
    return kernel_error("change the settings of shaping", errno);
  return {};
}

Result<VerdictCounts> ShapingMaps::counts() const {
  const int processors = libbpf_num_possible_cpus();
  if (processors < 0) return kernel_error("count the processors", processors);
  std::vector<shaping_count> each(static_cast<std::size_t>(processors));
  VerdictCounts counts{};
  for (u32 verdict = 0; verdict < SHAPING_VERDICTS; ++verdict) {
    if (bpf_map_lookup_elem(verdicts_.number(), &verdict, each.data()) != 0)
      return kernel_error("read the counters of shaping", errno);
    for (const shaping_count& one : each) {
      counts[verdict].packets += one.packets;
      counts[verdict].bytes += one.bytes;
    }
  }
  return counts;
}

Result<void> ShapingMaps::set_rule(const PrefixRule& rule) {
  const u32 value = rule.rule;
  const auto key4 = key_of<shaping_prefix4>(rule.prefix);
  const auto key6 = key_of<shaping_prefix6>(rule.prefix);
  const int failed = rule.prefix.v6 ? bpf_map_update_elem(prefixes6_.number(), &key6, &value, BPF_ANY)
                                    : bpf_map_update_elem(prefixes4_.number(), &key4, &value, BPF_ANY);
  if (failed == 0) return {};
  if (errno == ENOSPC) {
    return Error{ErrorCode::exhausted, "there is no room for " + rule.prefix.to_string() +
                                           " beside 65536 other prefixes; block shorter prefixes instead"};
  }
  return kernel_error("set a rule for " + rule.prefix.to_string(), errno);
}

Result<void> ShapingMaps::forget_rule(const env::AddressPrefix& prefix) {
  const auto key4 = key_of<shaping_prefix4>(prefix);
  const auto key6 = key_of<shaping_prefix6>(prefix);
  const int failed = prefix.v6 ? bpf_map_delete_elem(prefixes6_.number(), &key6)
                               : bpf_map_delete_elem(prefixes4_.number(), &key4);
  if (failed == 0) return {};
  if (errno == ENOENT)
    return Error{ErrorCode::not_found, prefix.to_string() + " is neither blocked nor allowed"};
  return kernel_error("forget the rule for " + prefix.to_string(), errno);
}

Result<std::vector<PrefixRule>> ShapingMaps::rules() const {
  std::vector<PrefixRule> rules;
  int failed = read_rules<shaping_prefix4>(prefixes4_.number(), rules);
  if (failed == 0) failed = read_rules<shaping_prefix6>(prefixes6_.number(), rules);
  if (failed != 0) return kernel_error("read the prefixes of shaping", failed);
  std::sort(rules.begin(), rules.end(), [](const PrefixRule& a, const PrefixRule& b) {
    return std::tie(a.prefix.v6, a.prefix.bytes, a.prefix.bits) <
           std::tie(b.prefix.v6, b.prefix.bytes, b.prefix.bits);
  });
  return rules;
}

}  // namespace drumline::ebpf
