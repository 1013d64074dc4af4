// Caught as: nothing
#include <algorithm>
#include <array>

namespace drumline::planted {

void step(std::array<unsigned, 64>& state, unsigned what) {
  state[what % 64] += what;
  std::sort(state.begin(), state.end());
}

}  // namespace drumline::planted
