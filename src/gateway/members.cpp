#include "gateway/members.hpp"

#include <algorithm>
#include <tuple>

namespace drumline::gateway {

void Members::add(u32 session, const env::Address& peer) {
  const Member added{session, peer, false};
  const auto at =
      std::lower_bound(members_.begin(), members_.end(), added, [](const Member& a, const Member& b) {
        return std::tie(a.peer, a.session) < std::tie(b.peer, b.session);
      });
  look_around(static_cast<std::size_t>(members_.insert(at, added) - members_.begin()));
}

void Members::remove(u32 session) {
  const auto at = std::find_if(members_.begin(), members_.end(),
                               [&](const Member& member) { return member.session == session; });
  if (at == members_.end()) return;
  const auto place = static_cast<std::size_t>(members_.erase(at) - members_.begin());
  if (place < members_.size()) look_around(place);
  if (place > 0) look_around(place - 1);
}

// Says anew of a member and its neighbours whether they are in company.
void Members::look_around(std::size_t place) {
  const std::size_t first = place > 0 ? place - 1 : 0;
  const std::size_t last = std::min(place + 1, members_.size() - 1);
  for (std::size_t i = first; i <= last; ++i) {
    members_[i].in_company = (i > 0 && members_[i - 1].peer == members_[i].peer) ||
                             (i + 1 < members_.size() && members_[i + 1].peer == members_[i].peer);
  }
}

}  // namespace drumline::gateway
