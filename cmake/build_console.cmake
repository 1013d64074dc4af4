# Builds the console page and the C++ source that embeds it. Run by
# apps/console/CMakeLists.txt with
#   cmake -D SOURCE=repository -D OUT=folder -D SIMULATION=simulation.wasm -D NPM=npm -D NODE=node -P build_console.cmake
# Leaves OUT/page/* and OUT/assets.cpp. node_modules is shared by all build
# folders of a checkout: a lock keeps two builds apart, and a stamp in it makes
# the installation a matter of once per lock file.
cmake_minimum_required(VERSION 3.25)

function(run what)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${SOURCE}" RESULT_VARIABLE result
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed (${result}):\n${output}")
  endif()
endfunction()

file(MAKE_DIRECTORY "${SOURCE}/build")
file(LOCK "${SOURCE}/build/.npm.lock" GUARD PROCESS TIMEOUT 300)

file(SHA256 "${SOURCE}/package-lock.json" wanted)
set(stamp "${SOURCE}/node_modules/.drumline-installed")
set(installed "")
if(EXISTS "${stamp}")
  file(READ "${stamp}" installed)
endif()
if(NOT installed STREQUAL wanted)
  message(STATUS "Installing the web page's packages (npm ci)")
  run("npm ci, which needs the npm registry or a mirror of it (npm config set registry …)," "${NPM}" ci --loglevel=error)
  file(WRITE "${stamp}" "${wanted}")
endif()

file(REMOVE_RECURSE "${OUT}/page")
run("Building the TypeScript client" "${NODE}" sdk/typescript/build.mjs)
run("Building the console page" "${NODE}" apps/console/build.mjs "${OUT}/page")
file(COPY "${SIMULATION}" DESTINATION "${OUT}/page")

file(GLOB files RELATIVE "${OUT}/page" "${OUT}/page/*")
list(SORT files)
set(embedded "")
set(table "")
set(number 0)
foreach(file ${files})
  file(SHA256 "${OUT}/page/${file}" hash)
  string(SUBSTRING "${hash}" 0 16 hash)
  cmake_path(GET file EXTENSION LAST_ONLY extension)
  if(extension STREQUAL ".html")
    set(type "text/html; charset=utf-8")
  elseif(extension STREQUAL ".js")
    set(type "text/javascript; charset=utf-8")
  elseif(extension STREQUAL ".css")
    set(type "text/css; charset=utf-8")
  elseif(extension STREQUAL ".svg")
    set(type "image/svg+xml")
  elseif(extension STREQUAL ".wasm")
    set(type "application/wasm")
  else()
    message(FATAL_ERROR "apps/console/public/${file}: no content type is known for ${extension}; add one to cmake/build_console.cmake")
  endif()
  set(name "drumline_console_page_${number}")
  string(APPEND embedded "DRUMLINE_EMBED(${name}, \"${OUT}/page/${file}\")\n")
  string(APPEND table "    {\"/${file}\", \"${type}\", \"${hash}\", between(${name}, ${name}_end)},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUT}/assets.cpp.new" "// Made by cmake/build_console.cmake.
#include \"console_page/assets.hpp\"

#include <array>

// The assembler copies the file; symbols mark where it begins and ends.
#define DRUMLINE_EMBED(name, file)                                                \\
  asm(\".pushsection .rodata\\n.balign 16\\n.global \" #name \"\\n.hidden \" #name     \\
      \"\\n\" #name \":\\n.incbin \\\"\" file \"\\\"\\n.global \" #name \"_end\\n.hidden \" #name \\
      \"_end\\n\" #name \"_end:\\n.byte 0\\n.popsection\\n\");                             \\
  extern \"C\" {                                                                    \\
  [[gnu::visibility(\"hidden\")]] extern const std::byte name[];                    \\
  [[gnu::visibility(\"hidden\")]] extern const std::byte name##_end[];              \\
  }
${embedded}
namespace drumline::console_page {

std::span<const Asset> assets() {
  const auto between = [](const std::byte* begin, const std::byte* end) {
    return Bytes(begin, static_cast<std::size_t>(end - begin));
  };
  static const std::array<Asset, ${number}> all = {{
${table}  }};
  return all;
}

}  // namespace drumline::console_page
")
file(RENAME "${OUT}/assets.cpp.new" "${OUT}/assets.cpp")
