// Caught as: syscall: the world outside
namespace drumline::planted {

long step() {
  long result = 39;  // getpid
  asm volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
  return result;
}

}  // namespace drumline::planted
