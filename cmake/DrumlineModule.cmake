# One CMake library a module, and the proof that the layering holds.
#
# drumline_module(NAME [SOURCES file...] [DEPS module...] [LIBS library...] [ROOT folder])
#   builds the static library drumline_NAME from SOURCES. Its headers are
#   included as "NAME/header.hpp" and are reachable only by what links it: each
#   module has an include folder of its own in the build tree. DEPS are modules,
#   LIBS are outside libraries.
#
# Every public header is compiled alone (target check_headers), and every
# library is linked whole against nothing but its own DEPS and LIBS, so that a
# symbol from a module it does not name is an error (target check_layers).
# `cmake --build . --target check_layering` runs both.

set_property(GLOBAL PROPERTY DRUMLINE_MODULES "")

function(drumline_module name)
  cmake_parse_arguments(M "" "ROOT" "SOURCES;DEPS;LIBS" ${ARGN})
  if(NOT M_ROOT)
    set(M_ROOT "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  set(target drumline_${name})
  set(farm "${CMAKE_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${farm}")
  file(CREATE_LINK "${M_ROOT}" "${farm}/${name}" SYMBOLIC)

  if(M_SOURCES)
    add_library(${target} STATIC ${M_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} "${farm}")
  list(TRANSFORM M_DEPS PREPEND drumline_)
  target_link_libraries(${target} ${scope} ${M_DEPS} ${M_LIBS})

  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.hpp"
                                      "${CMAKE_CURRENT_SOURCE_DIR}/*/*.hpp")
  set(units "")
  foreach(header ${headers})
    file(RELATIVE_PATH relative "${CMAKE_CURRENT_SOURCE_DIR}" "${header}")
    # A folder within that has a CMakeLists.txt is a module of its own.
    get_filename_component(folder "${header}" DIRECTORY)
    if(NOT folder STREQUAL CMAKE_CURRENT_SOURCE_DIR AND EXISTS "${folder}/CMakeLists.txt")
      continue()
    endif()
    string(MAKE_C_IDENTIFIER "${relative}" unit)
    set(unit "${CMAKE_BINARY_DIR}/check_headers/${name}/${unit}.cpp")
    if(NOT EXISTS "${unit}")
      file(WRITE "${unit}" "#include \"${name}/${relative}\"\n#include \"${name}/${relative}\"\n")
    endif()
    list(APPEND units "${unit}")
  endforeach()
  if(units)
    add_library(check_headers_${name} OBJECT EXCLUDE_FROM_ALL ${units})
    target_link_libraries(check_headers_${name} PRIVATE ${target})
    set_property(GLOBAL APPEND PROPERTY DRUMLINE_HEADER_CHECKS check_headers_${name})
  endif()
  if(M_SOURCES)
    add_library(check_layer_${name} SHARED EXCLUDE_FROM_ALL "${CMAKE_SOURCE_DIR}/cmake/empty.cpp")
    target_link_libraries(check_layer_${name} PRIVATE
      -Wl,--whole-archive $<TARGET_FILE:${target}> -Wl,--no-whole-archive ${M_DEPS} ${M_LIBS})
    add_dependencies(check_layer_${name} ${target})
    target_link_options(check_layer_${name} PRIVATE -Wl,--no-undefined)
    set_property(GLOBAL APPEND PROPERTY DRUMLINE_LAYER_CHECKS check_layer_${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY DRUMLINE_MODULES ${name})
endfunction()

function(drumline_finish_layering)
  get_property(headers GLOBAL PROPERTY DRUMLINE_HEADER_CHECKS)
  get_property(layers GLOBAL PROPERTY DRUMLINE_LAYER_CHECKS)
  add_custom_target(check_headers DEPENDS ${headers})
  # Sanitizer runtimes leave symbols open on purpose.
  if(DRUMLINE_SANITIZE)
    set(layers "")
  endif()
  add_custom_target(check_layers DEPENDS ${layers})
  add_custom_target(check_layering DEPENDS check_headers check_layers)
endfunction()

# drumline_test(NAME SOURCES file... DEPS module... [LIBS library...] [LABELS label...] [TIMEOUT s])
#   one GoogleTest executable test_NAME, run by ctest under NAME.
function(drumline_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;DEPS;LIBS;LABELS;ENVIRONMENT" ${ARGN})
  list(TRANSFORM T_DEPS PREPEND drumline_)
  add_executable(test_${name} ${T_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${T_DEPS} ${T_LIBS} GTest::gtest GTest::gtest_main GTest::gmock)
  target_include_directories(test_${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  # gtest's own macros shadow and convert freely.
  target_compile_options(test_${name} PRIVATE -Wno-shadow -Wno-conversion)
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(DRUMLINE_SANITIZE)
    # A test under a sanitizer takes up to thirty times as long.
    math(EXPR T_TIMEOUT "${T_TIMEOUT} * 5")
  endif()
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/tests/unit/")
    list(APPEND T_LABELS unit)
    add_dependencies(unit_tests test_${name})
  endif()
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT})
  if(T_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}")
  endif()
endfunction()
