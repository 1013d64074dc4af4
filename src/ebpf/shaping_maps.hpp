// The pinned maps of the shaping programs: what they count, and what they go by, while they run.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "ebpf/shaping_layout.h"
#include "env/address_prefix.hpp"

namespace drumline::ebpf {

/// A number in the settings that can be changed while the programs run.
struct ShapingRate {
  std::string_view name;  ///< as in the section "shaping" of the configuration
  __u64 shaping_settings::*field;
  u64 least;  ///< a burst of 0 would let nothing through; a rate of 0 is none
};
std::span<const ShapingRate> shaping_rates();
/// The most that any of them can be: the programs count in nanoseconds of 64 bits.
inline constexpr u64 kMaxShapingRate = 4'000'000'000;

/// In snake_case, for metrics and people.
std::string_view verdict_name(shaping_verdict verdict);
/// Of packets that leave; of the others it is for those that come.
bool is_outgoing(shaping_verdict verdict);

struct PrefixRule {
  env::AddressPrefix prefix;
  shaping_rule rule = SHAPING_RULE_BLOCK;
};

using VerdictCounts = std::array<shaping_count, SHAPING_VERDICTS>;

/// Where a node that serves `port` pins its maps, unless it is told otherwise.
std::string default_pin_folder(u16 port);

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int number() const { return number_; }

 private:
  int number_ = -1;
};

/// Changes take effect with the next packet. Any process that may open the pins; any thread.
class ShapingMaps {
 public:
  /// ErrorCode::not_found when nothing is pinned in `folder`, mismatch when what is there is of another
  /// version of us.
  static Result<ShapingMaps> open(const std::string& folder);

  Result<shaping_settings> settings() const;
  Result<void> change_settings(const shaping_settings& settings);

  /// Over all processors, since the programs were loaded.
  Result<VerdictCounts> counts() const;

  /// The longest prefix that holds a source decides; one prefix has one rule, the last one given.
  Result<void> set_rule(const PrefixRule& rule);
  /// not_found when the prefix has no rule.
  Result<void> forget_rule(const env::AddressPrefix& prefix);
  /// IPv4 first, each in the order of addresses.
  Result<std::vector<PrefixRule>> rules() const;

 private:
  ShapingMaps() = default;
  Descriptor settings_, verdicts_, prefixes4_, prefixes6_;
};

}  // namespace drumline::ebpf
