# Asio waits by epoll or by io_uring, and which it is is fixed where it is compiled: two kinds in one
# program would be two definitions of one thing. So there are two programs, drumline and
# drumline-io-uring, made of the same libraries but for the files that include Asio; those are
# compiled twice. Which of the two serves, threads.event_loop says.
option(DRUMLINE_IO_URING "Build drumline-io-uring beside drumline, and test both" OFF)
if(NOT DRUMLINE_IO_URING)
  function(drumline_asio_sources)
  endfunction()
  return()
endif()
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing)

# drumline_io_uring_asio(TARGET): Asio in what is compiled for TARGET waits by io_uring.
function(drumline_io_uring_asio target)
  target_compile_definitions(${target} PRIVATE BOOST_ASIO_HAS_IO_URING BOOST_ASIO_DISABLE_EPOLL)
  target_link_libraries(${target} PRIVATE PkgConfig::LIBURING)
endfunction()

# drumline_asio_sources(MODULE file...): those of the module's sources that include Asio, be it by a
# header of ours. test io_uring_programs finds one that is missing here.
function(drumline_asio_sources module)
  add_library(drumline_${module}_io_uring OBJECT ${ARGN})
  target_link_libraries(drumline_${module}_io_uring PRIVATE drumline_${module})
  drumline_io_uring_asio(drumline_${module}_io_uring)
endfunction()

# drumline_use_io_uring(TARGET module...): the program TARGET waits by io_uring. The objects here define
# all that those in the modules' archives do, so the linker takes none of the latter.
function(drumline_use_io_uring target)
  drumline_io_uring_asio(${target})
  foreach(module ${ARGN})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:drumline_${module}_io_uring>)
  endforeach()
endfunction()

# drumline_needs_io_uring(test...): where the kernel refuses io_uring, as in many a container, they are skipped.
function(drumline_needs_io_uring)
  set_tests_properties(${ARGN} PROPERTIES
    SKIP_REGULAR_EXPRESSION "io_uring_queue_init: Operation not permitted|the kernel does not let us have io_uring")
endfunction()
