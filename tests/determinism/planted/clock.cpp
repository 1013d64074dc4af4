// Caught as: clock_gettime: clock
#include <ctime>

namespace drumline::planted {

long step() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_nsec;
}

}  // namespace drumline::planted
