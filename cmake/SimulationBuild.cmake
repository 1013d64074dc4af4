# The simulation from its sources by another compiler than the build's own: for
# WebAssembly and for the determinism matrix.
#
# drumline_simulation_units(OUT)
#   what a simulation consists of: kernel, step, the games in DRUMLINE_GAMES with all
#   that they link, and the list of these games (world::Game objects,
#   simulation_games.hpp). Without the assertion handler and a main program. One unit a
#   module, which includes the module's sources, as ten builds of each source take
#   long. OUT_DEPENDS are the sources. Call it after the modules are there.
#
# drumline_foreign_objects(OUT FOLDER COMPILER word... SOURCES file... DEPENDS file...)
#   compiles each source by "COMPILER -c source" into FOLDER and sets OUT to the
#   objects. Headers are found as in the modules themselves, xxhash's and toml++'s
#   through a folder of their own, so that no other header of this machine is.
#
# drumline_wasm_simulation(OUTPUT FOLDER LEVEL)
#   makes simulation.wasm from the simulation, sdk/wasm and what it exports of sdk/cpp,
#   objects in FOLDER.

find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)
set(DRUMLINE_OUTSIDE_HEADERS "${CMAKE_BINARY_DIR}/include_outside")
file(MAKE_DIRECTORY "${DRUMLINE_OUTSIDE_HEADERS}")
file(CREATE_LINK "${XXHASH_INCLUDE}/xxhash.h" "${DRUMLINE_OUTSIDE_HEADERS}/xxhash.h" SYMBOLIC)
file(CREATE_LINK "${TOMLPLUSPLUS_INCLUDE}/toml++" "${DRUMLINE_OUTSIDE_HEADERS}/toml++" SYMBOLIC)

# Of these modules a simulation needs some files only.
set(DRUMLINE_battle_FILES "/(battle|input|journal_records|build_info)\\.cpp$")
set(DRUMLINE_base_FILES "/result\\.cpp$")
set(DRUMLINE_world_FILES "/(fixed_math|hash|msgpack|rules|snapshot|state_codec|table|world)\\.cpp$")

# The games' modules with all that they link, without base and world.
function(drumline_game_modules out)
  set(waiting ${DRUMLINE_GAMES})
  set(found "")
  while(waiting)
    list(POP_FRONT waiting module)
    if(module IN_LIST found OR module MATCHES "^(base|world)$")
      continue()
    endif()
    list(APPEND found ${module})
    get_target_property(links drumline_${module} LINK_LIBRARIES)
    list(FILTER links INCLUDE REGEX "^drumline_")
    list(TRANSFORM links REPLACE "^drumline_" "")
    list(APPEND waiting ${links})
  endwhile()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

function(drumline_simulation_units out)
  drumline_game_modules(modules)
  set(units "")
  set(all "")
  foreach(module base world battle ${modules})
    get_target_property(sources drumline_${module} SOURCES)
    if(DRUMLINE_${module}_FILES)
      list(FILTER sources INCLUDE REGEX "${DRUMLINE_${module}_FILES}")
    endif()
    list(APPEND all ${sources})
    list(TRANSFORM sources REPLACE "(.+)" "#include \"\\1\"\n")
    list(JOIN sources "" includes)
    file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/simulation/${module}.cpp" CONTENT "${includes}" @ONLY)
    list(APPEND units "${CMAKE_BINARY_DIR}/simulation/${module}.cpp")
  endforeach()

  set(includes "")
  set(addresses "")
  foreach(game ${DRUMLINE_GAMES})
    string(APPEND includes "#include \"${game}/${game}.hpp\"\n")
    string(APPEND addresses "&${game}::${game}_game(), ")
  endforeach()
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/simulation/simulation_games.cpp" CONTENT [[
// Made by cmake/SimulationBuild.cmake from DRUMLINE_GAMES.
#include "simulation_games.hpp"

@includes@
namespace drumline {

std::span<const world::Game* const> simulation_games() {
  static const world::Game* const games[] = {@addresses@};
  return games;
}

}  // namespace drumline
]] @ONLY)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/simulation/simulation_games.hpp" CONTENT [[
// The games that are part of a simulation.
#pragma once

#include <span>

#include "world/rules.hpp"

namespace drumline {

std::span<const world::Game* const> simulation_games();

}  // namespace drumline
]] @ONLY)
  set(${out} ${units} "${CMAKE_BINARY_DIR}/simulation/simulation_games.cpp" PARENT_SCOPE)
  set(${out}_DEPENDS ${all} PARENT_SCOPE)
endfunction()

function(drumline_foreign_objects out folder)
  cmake_parse_arguments(F "" "" "COMPILER;SOURCES;DEPENDS" ${ARGN})
  drumline_game_modules(modules)
  set(flags -std=c++20 -ffp-contract=off -isystem "${DRUMLINE_OUTSIDE_HEADERS}" "-I${CMAKE_BINARY_DIR}/simulation")
  foreach(module base world battle ${modules})
    list(APPEND flags "-I${CMAKE_BINARY_DIR}/include/${module}")
  endforeach()
  set(compile ${CMAKE_CXX_COMPILER_LAUNCHER} ${F_COMPILER} ${flags})
  set(objects "")
  foreach(source ${F_SOURCES})
    cmake_path(GET source STEM LAST_ONLY name)
    set(object "${folder}/${name}.o")
    add_custom_command(OUTPUT "${object}"
      COMMAND ${compile} -MD -MF "${object}.d" -MT "${object}" -c "${source}" -o "${object}"
      DEPENDS "${source}" ${F_DEPENDS} DEPFILE "${object}.d" VERBATIM
      COMMENT "Compiling ${object}")
    list(APPEND objects "${object}")
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()

find_program(WASM_CLANG clang++)
set(WASM_COMPILER "${WASM_CLANG}" --target=wasm32-wasi -fno-exceptions -fno-rtti)
# A small module is built and linked to see whether all the pieces are there.
if(NOT DRUMLINE_WASM_WORKS)
  set(probe "${CMAKE_BINARY_DIR}/wasm/probe")
  file(WRITE "${probe}.cpp"
       "#include <string>\nint main(int n, char**) { return __int128(std::stoi(std::to_string(n))) / n; }\n")
  execute_process(COMMAND ${WASM_COMPILER} -std=c++20 "${probe}.cpp" -o "${probe}.wasm"
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  file(REMOVE "${probe}.cpp" "${probe}.wasm")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR
      "simulation.wasm is built with clang for wasm32-wasi, and that does not work here: run tools/setup, or "
      "apt-get install clang lld wasi-libc libc++-14-dev-wasm32 libc++abi-14-dev-wasm32 libclang-rt-14-dev-wasm32. "
      "What clang++ said:\n${output}")
  endif()
  set(DRUMLINE_WASM_WORKS TRUE CACHE INTERNAL "clang++ makes WebAssembly modules")
endif()

set(WASM_EXPORTS simulation_id error allocate release create free step tick state_hash result_size schema map_description
                 snapshot slots generations column events prediction_create prediction_free
                 prediction_on_round_trip prediction_on_frame prediction_on_self prediction_on_refused prediction_issue
                 prediction_advance lockstep_create lockstep_free lockstep_on_snapshot_part lockstep_on_frame
                 lockstep_on_ticks lockstep_on_refused lockstep_on_round_trip lockstep_advance lockstep_issue
                 lockstep_state lockstep_shown lockstep_take_message)
list(TRANSFORM WASM_EXPORTS PREPEND -Wl,--export=drumline_)

function(drumline_wasm_simulation output folder level)
  drumline_simulation_units(units)
  set(api "${CMAKE_SOURCE_DIR}/sdk/wasm")
  set(client "${CMAKE_SOURCE_DIR}/sdk/cpp")
  file(GLOB lockstep CONFIGURE_DEPENDS "${client}/lockstep/*.cpp")
  drumline_foreign_objects(objects "${folder}"
    COMPILER ${WASM_COMPILER} ${level} -Wall -Wextra -Wshadow -Werror "-I${CMAKE_BINARY_DIR}/include/simulation_api"
             "-I${CMAKE_BINARY_DIR}/include/lockstep" "-I${CMAKE_BINARY_DIR}/include/prediction"
             "-I${CMAKE_BINARY_DIR}/include/wire"
    SOURCES ${units} "${api}/simulation_api.cpp" "${api}/prediction_api.cpp" "${api}/lockstep_api.cpp" "${api}/failure.cpp" "${api}/sandbox.cpp"
            "${client}/prediction/correction.cpp" "${client}/prediction/interpolator.cpp"
            "${client}/prediction/playback_clock.cpp"
            ${lockstep}
    DEPENDS ${units_DEPENDS})
  add_custom_command(OUTPUT "${output}"
    # A stack that overflows runs into the end of memory and traps.
    COMMAND ${WASM_COMPILER} -mexec-model=reactor ${objects} -o "${output}" ${WASM_EXPORTS}
            -Wl,--stack-first -Wl,-z,stack-size=524288 -Wl,--strip-all
    DEPENDS ${objects} VERBATIM
    COMMENT "Linking ${output}")
endfunction()
