// What clients were shown, kept to be compared with the battle's record (docs/formats/sights.md).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace drumline::broadcast {

/// An entity as a client was shown it.
struct Sight {
  BattleId battle{};
  Tick tick = 0;  ///< as of whose end
  EntityId entity{};
  std::vector<i64> values;  ///< on the wire, of all fields that are sent, in schema order

  friend bool operator==(const Sight&, const Sight&) = default;
};

std::string write_sights(std::span<const Sight> sights);
/// An error names the line that is none.
Result<std::vector<Sight>> read_sights(std::string_view text);

}  // namespace drumline::broadcast
