// Caught as: mulss: floating-point arithmetic
namespace drumline::planted {

void step(float* speed, const float* share) {
  *speed *= *share;
}

}  // namespace drumline::planted
