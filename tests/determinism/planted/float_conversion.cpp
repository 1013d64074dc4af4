// Caught as: cvttsd2si: floating-point arithmetic
namespace drumline::planted {

long step(const double* length) {
  return static_cast<long>(*length);
}

}  // namespace drumline::planted
