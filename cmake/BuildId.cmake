# Writes OUTPUT, a C++ unit with the build id: 16 hex digits of a hash over the
# files in FILES (a list file, one path a line) and COMPILER. Run by cmake -P, so
# that the id follows the sources at build time.
file(STRINGS "${FILES}" paths)
set(all "${COMPILER}")
foreach(path ${paths})
  file(SHA256 "${path}" hash)
  string(APPEND all "${hash}")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING "${id}" 0 16 id)
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT [[
#include "server/build_info.hpp"

namespace drumline::server {

const char* version() { return "@VERSION@"; }
const char* build_id() { return "@id@"; }

}  // namespace drumline::server
]] @ONLY)
