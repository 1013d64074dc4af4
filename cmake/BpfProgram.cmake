# Programs for the kernel, written in C and held by the library that loads them.
#
# drumline_bpf_program(TARGET SOURCE [HEADERS header...])
#   compiles SOURCE (NAME.bpf.c) for the kernel's virtual machine and gives TARGET the header
#   "NAME.skel.h": the object's bytes, and names for its programs and maps (struct NAME_bpf). HEADERS
#   are what SOURCE includes of ours.

find_program(BPF_CLANG clang REQUIRED)
# Debian has it where only root looks.
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1)

function(drumline_bpf_program target source)
  cmake_parse_arguments(B "" "" "HEADERS" ${ARGN})
  get_filename_component(name "${source}" NAME_WE)
  get_filename_component(path "${source}" ABSOLUTE)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/programs")
  file(MAKE_DIRECTORY "${folder}")
  set(object "${folder}/${name}.o")
  set(header "${folder}/${name}.skel.h")
  # The kernel's headers for user space name those of a machine.
  set(machine "/usr/include/${CMAKE_CXX_LIBRARY_ARCHITECTURE}")
  add_custom_command(OUTPUT "${header}"
    # v3 has the compare-and-swap; the kernels that load it are from 5.12 on.
    COMMAND "${BPF_CLANG}" -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -isystem "${machine}"
            "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=." -c "${path}" -o "${object}.unlinked"
    # Leaves out what only a debugger reads.
    COMMAND "${BPFTOOL}" gen object "${object}" "${object}.unlinked"
    COMMAND "${BPFTOOL}" gen skeleton "${object}" name ${name}_bpf > "${header}"
    DEPENDS "${path}" ${B_HEADERS}
    COMMENT "Compiling ${name} for the kernel" VERBATIM)
  target_sources(${target} PRIVATE "${header}")
  target_include_directories(${target} SYSTEM PRIVATE "${folder}")
endfunction()
