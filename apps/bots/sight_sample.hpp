// What the bots of one thread were shown, for a sample of their looks.
#pragma once

#include <vector>

#include "broadcast/sights.hpp"
#include "client/client.hpp"

namespace drumline::bots {

class SightSample {
 public:
  /// Takes every `every`th look (0: none) until it has `most` entities.
  void start(u32 every, std::size_t most) {
    every_ = every;
    most_ = most;
  }
  /// A bot looks at what its client knows.
  void look(client::Client& client) {
    if (every_ != 0 && ++looks_ % every_ == 0) take(client);
  }
  const std::vector<broadcast::Sight>& sights() const { return sights_; }

 private:
  void take(client::Client& client);

  u32 every_ = 0;
  std::size_t most_ = 0;
  u64 looks_ = 0;
  std::vector<broadcast::Sight> sights_;
};

}  // namespace drumline::bots
