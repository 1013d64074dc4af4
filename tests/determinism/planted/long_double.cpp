// Caught as: fmulp: floating-point arithmetic
namespace drumline::planted {

void step(long double* speed, const long double* share) {
  *speed *= *share;
}

}  // namespace drumline::planted
