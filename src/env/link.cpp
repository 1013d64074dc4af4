#include "env/link.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace drumline::env {
namespace {

constexpr u8 kCongestionExperienced = 3;  // RFC 3168
constexpr double kMostMilliseconds = 60'000;
constexpr double kMostBurstPackets = 1'000;

bool chance(double share, Random& random) {
  // 53 bits make a double in [0, 1).
  return share > 0 && static_cast<double>(random.next_u64() >> 11) * 0x1p-53 < share;
}

i64 up_to(i64 limit, Random& random) {
  return limit <= 0 ? 0 : static_cast<i64>(random.next_u64() % static_cast<u64>(limit + 1));
}

Error wrong(std::string_view part, std::string_view text) {
  return {ErrorCode::invalid_argument,
          "'" + std::string(part) + "' in the network conditions '" + std::string(text) +
              "'; use parts such as 50ms (round trip, at most 60 s), 2% (lost each way), jitter=5ms, burst=4 "
              "(packets), each once"};
}

/// The number before `unit`, which ends the text.
std::optional<double> number_before(std::string_view text, std::string_view unit, double most) {
  if (!text.ends_with(unit)) return std::nullopt;
  text.remove_suffix(unit.size());
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc() && end == text.data() + text.size();
  if (!whole || !(value >= 0 && value <= most)) return std::nullopt;
  return value;
}

i64 nanoseconds(double milliseconds) {
  return static_cast<i64>(milliseconds * static_cast<double>(kMillisecondNs));
}

}  // namespace

Result<LinkConditions> parse_path_conditions(std::string_view text) {
  LinkConditions conditions;
  std::optional<double> round_trip, loss, jitter, burst;
  std::string_view rest = text;
  while (true) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view part = rest.substr(0, comma);
    constexpr std::string_view kJitter = "jitter=", kBurst = "burst=";
    std::optional<double>* slot = nullptr;
    std::optional<double> value;
    if (part.starts_with(kJitter)) {
      slot = &jitter;
      value = number_before(part.substr(kJitter.size()), "ms", kMostMilliseconds);
    } else if (part.starts_with(kBurst)) {
      slot = &burst;
      value = number_before(part.substr(kBurst.size()), "", kMostBurstPackets);
    } else if (part.ends_with('%')) {
      slot = &loss;
      value = number_before(part, "%", 100);
    } else {
      slot = &round_trip;
      value = number_before(part, "ms", kMostMilliseconds);
    }
    if (!value || *slot) return wrong(part, text);
    *slot = value;
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  conditions.delay_ns = nanoseconds(round_trip.value_or(0)) / 2;
  conditions.jitter_ns = nanoseconds(jitter.value_or(0));
  conditions.loss = loss.value_or(0) / 100;
  conditions.loss_burst_packets = burst.value_or(1);
  return conditions;
}

// Gilbert's two states: in the bad one all is lost. It is left with 1/burst and entered so
// often that the share of packets in it is `loss`.
bool Link::loses(const LinkConditions& conditions, Random& random) {
  const double burst = conditions.loss_burst_packets;
  if (!(burst > 1) || conditions.loss <= 0 || conditions.loss >= 1) return chance(conditions.loss, random);
  const double enters = conditions.loss / (burst * (1 - conditions.loss));
  in_burst_ = in_burst_ ? !chance(1 / burst, random) : chance(std::min(enters, 1.0), random);
  return in_burst_;
}

Link::Passage Link::send(const LinkConditions& conditions, std::size_t bytes, u8 ecn, TimeNs now,
                         Random& random) {
  if (conditions.largest_bytes != 0 && bytes > conditions.largest_bytes) return {};
  TimeNs leaves = now;
  if (conditions.bytes_per_second != 0) {
    leaves = std::max(now, free_at_);
    if (leaves - now > conditions.queue_ns) return {};
    leaves += static_cast<i64>(bytes * u64{kSecondNs} / conditions.bytes_per_second);
    free_at_ = leaves;
  }
  if (loses(conditions, random)) return {};
  Passage passage;
  passage.copies = chance(conditions.duplication, random) ? 2 : 1;
  passage.ecn = ecn != 0 && chance(conditions.ecn_marking, random) ? kCongestionExperienced : ecn;
  for (u32 copy = 0; copy < passage.copies; ++copy) {
    TimeNs arrival = leaves + conditions.delay_ns + up_to(conditions.jitter_ns, random);
    if (chance(conditions.reordering, random)) {
      arrival += conditions.reorder_delay_ns;
    } else {
      arrival = last_arrival_ = std::max(arrival, last_arrival_);
    }
    passage.arrivals[copy] = arrival;
  }
  return passage;
}

}  // namespace drumline::env
