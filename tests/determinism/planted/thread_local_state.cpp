// Caught as: a step has a thread's own variable
namespace drumline::planted {

thread_local unsigned steps = 0;

unsigned step() {
  return ++steps;
}

}  // namespace drumline::planted
