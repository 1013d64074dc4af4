// Caught as: std::__detail::_Prime_rehash_policy
#include <unordered_map>

namespace drumline::planted {

using Scores = std::unordered_map<unsigned, unsigned>;

Scores make_scores() {
  return {{1, 2}, {3, 4}};
}

unsigned step(const Scores& scores) {
  unsigned sum = 0;
  for (const auto& [player, score] : scores) sum = sum * 31 + score;
  return sum;
}

}  // namespace drumline::planted
