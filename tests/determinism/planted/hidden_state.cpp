// Caught as: drumline::planted::steps: a variable outside of the world
namespace drumline::planted {

unsigned steps = 0;

unsigned step() {
  return ++steps;
}

}  // namespace drumline::planted
