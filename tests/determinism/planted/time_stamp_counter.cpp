// Caught as: rdtsc: clock
namespace drumline::planted {

unsigned long long step() {
  return __builtin_ia32_rdtsc();
}

}  // namespace drumline::planted
