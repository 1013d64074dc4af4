// Caught as: container ordered by addresses
#include <set>

namespace drumline::planted {

void step(std::set<const int*>& players, const int* player) {
  players.insert(player);
}

}  // namespace drumline::planted
