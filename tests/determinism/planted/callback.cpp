// Caught as: a step calls through a pointer
namespace drumline::planted {

unsigned step(unsigned (*next)(unsigned), unsigned state) {
  return next(state) + 1;
}

}  // namespace drumline::planted
