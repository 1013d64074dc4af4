#include "gateway/members.hpp"

#include <algorithm>
#include <tuple>

namespace drumline::gateway {

void Members::add(u32 session, const env::Address& peer) {
  const Member added{session, peer};
  const auto at =
      std::lower_bound(members_.begin(), members_.end(), added, [](const Member& a, const Member& b) {
        return std::tie(a.peer, a.session) < std::tie(b.peer, b.session);
      });
  members_.insert(at, added);
}

void Members::remove(u32 session) {
  std::erase_if(members_, [&](const Member& member) { return member.session == session; });
}

}  // namespace drumline::gateway
