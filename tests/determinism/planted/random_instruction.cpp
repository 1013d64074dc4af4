// Caught as: rdrand: randomness
namespace drumline::planted {

unsigned step() {
  unsigned number = 0;
  asm volatile("rdrand %0" : "=r"(number));
  return number;
}

}  // namespace drumline::planted
