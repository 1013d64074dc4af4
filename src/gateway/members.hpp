// The sessions of one battle on one gateway shard, in the order in which they are
// sent to: those behind one address in a row, as packets for one address that
// are of one size cost the kernel less when they come together.
#pragma once

#include <vector>

#include "env/network.hpp"

namespace drumline::gateway {

class Members {
 public:
  struct Member {
    u32 session = 0;  ///< index
    env::Address peer;
  };

  /// `peer` as it is now; that it moves later costs a little speed and nothing else.
  void add(u32 session, const env::Address& peer);
  void remove(u32 session);

  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

 private:
  std::vector<Member> members_;  // by peer, then session
};

}  // namespace drumline::gateway
