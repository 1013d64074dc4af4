#include "gateway/battle_feed.hpp"

namespace drumline::gateway {

bool BattleFeed::forward(const battle::Inbound& inbound) {
  battle::Inbound* const slot = inbound_.try_reserve();
  if (slot == nullptr) return false;
  *slot = inbound;
  slot->battle = id();
  inbound_.commit();
  return true;
}

}  // namespace drumline::gateway
