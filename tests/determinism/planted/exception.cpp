// Caught as: a step reaches __cxa_throw: exception
namespace drumline::planted {

void step(int state) {
  if (state == 0) throw state;
}

}  // namespace drumline::planted
