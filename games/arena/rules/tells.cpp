// What whoever runs a battle of arena may tell it (Rules::on_tell, arena.hpp).
#include "arena/arena_rules.hpp"
#include "base/bytes.hpp"

namespace drumline::arena {
namespace {

/// Around the map's middle: a crowd shoulder to shoulder for some thousands.
constexpr i64 kGatheringUnits = 12;

}  // namespace

world::Refusal ArenaRules::on_tell(Bytes message) {
  const std::string_view what = as_text(message);
  if (what == "gather") {
    const Fixed reach = Fixed::from_int(kGatheringUnits);
    for_each_living([&](u32 slot) {
      const Vector off{world_.rng().below(reach + reach) - reach, world_.rng().below(reach + reach) - reach};
      const Vector middle{side_ / Fixed::from_int(2), side_ / Fixed::from_int(2)};
      put_at(slot, obstacle_index_.resolve(middle + off, tuning_.radius));
    });
  } else if (what == "scatter") {
    for_each_living([&](u32 slot) { put_at(slot, find_free_place()); });
  } else if (what == "slay") {
    for_each_living([&](u32 slot) {
      players_.at<&Player::health>(slot) = 0;
      fall(slot);
    });
  } else {
    return world::kRefusedUnknownAction;
  }
  return world::kAccepted;
}

}  // namespace drumline::arena
