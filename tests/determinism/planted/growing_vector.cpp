// Caught as: a step reaches operator new(unsigned long): allocator
#include <vector>

namespace drumline::planted {

void step(std::vector<unsigned>& acting) {
  acting.push_back(1);
}

}  // namespace drumline::planted
