// What a WebAssembly module would ask of the machine around it, answered inside:
// simulation.wasm imports nothing, so there is nothing by which two hosts could
// differ. The C++ library holds these paths for its streams; no simulation takes
// them.
#include <cstdlib>
#include <string>

#include "base/assert.hpp"
#include "simulation_api/failure.hpp"

namespace drumline {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  set_failure(std::string("internal error, please report: ") + expression + " at " + file + ":" +
              std::to_string(line));
  __builtin_trap();
}

}  // namespace drumline

// The names under which wasi-libc imports "wasi_snapshot_preview1"; defined here,
// they are no imports any more. WASI's errors: 8 is a bad
// descriptor, 52 not supported.
extern "C" {

int __imported_wasi_snapshot_preview1_environ_get(int, int) {
  return 52;
}
int __imported_wasi_snapshot_preview1_environ_sizes_get(int, int) {
  return 52;
}
int __imported_wasi_snapshot_preview1_fd_close(int) {
  return 8;
}
int __imported_wasi_snapshot_preview1_fd_seek(int, long long, int, int) {
  return 8;
}
int __imported_wasi_snapshot_preview1_fd_write(int, int, int, int) {
  return 8;
}
[[noreturn]] void __imported_wasi_snapshot_preview1_proc_exit(int) {
  __builtin_trap();
}

}  // extern "C"
