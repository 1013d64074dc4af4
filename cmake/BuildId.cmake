# Writes OUTPUT, a C++ unit with two ids of 16 hex digits: of the simulation, a hash
# over the files in FILES (a list file, one path a line), and of the build, a hash
# over that and COMPILER. Run by cmake -P, so that the ids follow the sources at
# build time.
file(STRINGS "${FILES}" paths)
set(all "")
foreach(path ${paths})
  file(SHA256 "${path}" hash)
  string(APPEND all "${hash}")
endforeach()
string(SHA256 simulation "${all}")
string(SHA256 build "${COMPILER}${simulation}")
string(SUBSTRING "${simulation}" 0 16 simulation)
string(SUBSTRING "${build}" 0 16 build)
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT [[
#include "battle/build_info.hpp"

namespace drumline::battle {

const char* version() { return "@VERSION@"; }
const char* simulation_id() { return "@simulation@"; }
const char* build_id() { return "@build@"; }

}  // namespace drumline::battle
]] @ONLY)
