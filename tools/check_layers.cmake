# check_layers.cmake: who may include whom (CONTRIBUTING.md), as an executable rule.
#
#   cmake -DROOT=<source folder> -P tools/check_layers.cmake
#
# Prints every violation as file:line and fails. First it checks itself on a small tree of violations of its own making;
# a checker that finds nothing there proves nothing here.
cmake_minimum_required(VERSION 3.20)
if(NOT ROOT)
  get_filename_component(ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
endif()

# Headers of C11 and POSIX (and their stand-ins on Windows) that any room may include.
string(CONCAT LIBC "<((assert|ctype|direct|dirent|errno|fcntl|fenv|float|inttypes|io|limits|math|process|pthread|"
  "setjmp|"
  "signal|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|time|unistd|windows)|sys/[a-z]+)\\.h>")
# Without vkseg_vulkan.h, the only public header that names Vulkan.
set(PUBLIC "include/vkseg/(base|vkseg|vkseg_measure|vkseg_volume)\\.h")

# room(<files> <what they may include>...): the first room whose pattern matches a file decides. Targets are paths from
# the root, or <name.h> for system headers; libc is always allowed.
set(ROOMS "")
function(room files)
  list(LENGTH ROOMS room_number)
  list(APPEND ROOMS "${files}")
  string(JOIN "|" targets ${ARGN} "${LIBC}")
  set(ROOMS "${ROOMS}" PARENT_SCOPE)
  set(ROOM_${room_number} "${targets}" PARENT_SCOPE)
endfunction()

room("include/vkseg/base\\.h" "<none>")
room("include/vkseg/vkseg_vulkan\\.h" "${PUBLIC}" "<vulkan/.*>")
room("include/vkseg/.*" "${PUBLIC}")

room("runtime/base/.*" "runtime/base/.*" "include/vkseg/base\\.h")
room("runtime/gpu/rates\\.c" "runtime/(base|gpu)/.*" "shaders/peak\\.h" "include/vkseg/base\\.h")
room("runtime/gpu/.*" "runtime/(base|gpu)/.*" "include/vkseg/base\\.h" "<(volk\\.h|vulkan/.*)>")
# The files that act on a device; the rest of graph/ decides, and is testable without one.
room("runtime/graph/(plan|params|params_data|slot|slot_data|record|trace)\\.[ch]" "runtime/(base|graph|gpu)/.*"
  "include/vkseg/base\\.h")
room("runtime/graph/.*" "runtime/(base|graph)/.*" "runtime/ops\\.def" "include/vkseg/base\\.h")
room("runtime/ops\\.h" "runtime/base/.*" "runtime/graph/graph\\.h" "include/vkseg/base\\.h")
room("runtime/ops/.*" "runtime/(base|ops)/.*" "runtime/graph/(op|graph)\\.h" "runtime/ops\\.h" "shaders/[a-z0-9_]+\\.h"
  "include/vkseg/base\\.h")
room("shaders/.*" "shaders/.*")

# The one place of src that may say which device; both hand it down at once.
# The self-test runs the suites of tests/ops: beside the developer tool's, the one arrow that points up.
room("src/api/(doctor|usage)\\.c" "runtime/base/.*" "runtime/ops\\.def" "runtime/graph/(graph|op|plan|tuning)\\.h"
  "runtime/gpu/device\\.h" "tests/support/(harness|op_suites)\\.h" "src/api/.*" "${PUBLIC}")
room("src/api/(tune|trial|verdicts)\\.c" "runtime/base/.*" "runtime/graph/(graph|op|plan|params|tuning)\\.h"
  "runtime/gpu/device\\.h" "src/api/.*" "${PUBLIC}")
room("src/api/(context|vulkan|measure)\\.c" "runtime/(base|graph)/.*" "runtime/ops\\.h"
  "runtime/gpu/(device|rates)\\.h" "src/.*" "include/vkseg/.*")
room("src/api/.*" "runtime/base/.*" "runtime/graph/(graph|plan|params|slot)\\.h" "runtime/ops\\.h" "src/.*" "${PUBLIC}")
room("src/models/.*" "runtime/base/.*" "runtime/graph/(graph|params)\\.h" "runtime/ops\\.h" "src/(models|nn)/.*"
  "src/(image|prompt|mask|weights|volume)/.*\\.h" "${PUBLIC}")
room("src/nn/.*" "runtime/base/.*" "runtime/graph/graph\\.h" "runtime/ops\\.h" "src/nn/.*" "${PUBLIC}")
room("src/image/.*" "runtime/base/.*" "src/image/.*" "${PUBLIC}")
room("src/prompt/.*" "runtime/base/.*" "src/(prompt|image)/.*" "${PUBLIC}")
room("src/mask/.*" "runtime/base/.*" "src/(mask|image)/.*" "${PUBLIC}")
room("src/weights/sha256_x86\\.c" "src/weights/.*" "<(cpuid|immintrin)\\.h>")   # a processor's own instructions
room("src/weights/.*" "runtime/base/.*" "src/weights/.*" "${PUBLIC}" "<(zip|zlib|jansson)\\.h>")
room("src/volume/.*" "runtime/base/.*" "src/volume/.*" "${PUBLIC}")
# C++ and GDCM live behind one door.
room("src/io/dicom_(shim|seg)\\.cpp" "src/io/dicom_shim\\.h" "<(gdcm[A-Za-z]+\\.h|c[a-z]+|exception|new|string|vector)>"
  "<gdcm[A-Za-z]+\\.h>")
room("src/io/.*" "runtime/base/.*" "src/io/.*" "src/weights/(zipdir|pickle|pickle_globals)\\.h" "${PUBLIC}"
  "include/vkseg/vkseg_io\\.h"
  "<(png|jpeglib|jerror|tiffio|jansson|zlib|stb_image|stb/stb_image|nifti/nifti2_io)\\.h>")

room("tools/vkseg/.*" "tools/vkseg/.*" "${PUBLIC}" "include/vkseg/vkseg_io\\.h" "<jansson\\.h>")
room("tests/install/.*" "<vkseg/.*>" "include/vkseg/.*")
# The runtime and its tests must build with src/ deleted.
room("tests/(base|gpu|graph|ops)/.*" "runtime/.*" "shaders/.*" "tests/.*" "include/vkseg/base\\.h"
  "<(cmocka|volk)\\.h>")
room("(tests|tools)/.*" ".*")

# Sets ${out} to the number of the first line of `file` that contains `text`.
function(line_of file text out)
  file(READ "${file}" content)
  string(FIND "${content}" "${text}" at)
  string(SUBSTRING "${content}" 0 ${at} before)
  string(REGEX REPLACE "[^\n]" "" before "${before}")
  string(LENGTH "${before}" count)
  math(EXPR count "${count} + 1")
  set(${out} ${count} PARENT_SCOPE)
endfunction()

# Sets ${out} to the path from the root that `"name"` means in `file`; empty when there is no such file.
function(resolve root file name out)
  get_filename_component(folder "${file}" DIRECTORY)
  foreach(base "${folder}" runtime src include shaders tests tools)
    if(EXISTS "${root}/${base}/${name}")
      set(${out} "${base}/${name}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${out} "" PARENT_SCOPE)
endfunction()

# Appends complaints about one file to the list `complaints` of the caller.
function(check_includes root file)
  set(found ${complaints})
  set(allowed "")
  set(number 0)
  foreach(pattern IN LISTS ROOMS)
    if(file MATCHES "^(${pattern})$")
      set(allowed "${ROOM_${number}}")
      break()
    endif()
    math(EXPR number "${number} + 1")
  endforeach()
  file(STRINGS "${root}/${file}" lines REGEX "^[ \t]*#[ \t]*include[ \t]*[\"<]")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "[\"<]([^\">]+)[\">]" quoted "${line}")
    set(name "${CMAKE_MATCH_1}")
    set(target "<${name}>")
    set(why "")
    if(name MATCHES "\\.\\./" AND NOT file MATCHES "^tests/")
      set(why "is written with ../, not relative to runtime/, src/, include/ or shaders/")
    elseif(quoted MATCHES "^\"")
      resolve("${root}" "${file}" "${name}" target)
      if(NOT target)
        set(why "names no file of this tree")
      endif()
    endif()
    if(NOT why AND (NOT allowed OR NOT target MATCHES "^(${allowed})$"))
      set(why "is not for this room")
    endif()
    if(why)
      line_of("${root}/${file}" "${line}" line_number)
      list(APPEND found "${file}:${line_number}: ${quoted} ${why}")
    endif()
  endforeach()
  set(complaints ${found} PARENT_SCOPE)
endfunction()

# Vulkan's type names stay where Vulkan is spoken.
function(check_vulkan_names root file)
  if(file MATCHES "^(runtime/gpu/.*|src/api/vulkan\\.c|include/vkseg/vkseg_vulkan\\.h|tests/.*)$")
    return()
  endif()
  set(found ${complaints})
  set(name_pattern "(^|[^A-Za-z0-9_])(Vk[A-Z][A-Za-z0-9]*)")
  file(STRINGS "${root}/${file}" lines REGEX "${name_pattern}")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "/\\*[^*]*\\*/" " " code "${line}")
    string(REGEX REPLACE "(/\\*|//).*$" "" code "${code}")
    if(NOT code MATCHES "^[ \t]*\\*" AND code MATCHES "${name_pattern}")
      set(name "${CMAKE_MATCH_2}")
      line_of("${root}/${file}" "${line}" line_number)
      list(APPEND found "${file}:${line_number}: ${name} is a Vulkan name outside runtime/gpu")
    endif()
  endforeach()
  set(complaints ${found} PARENT_SCOPE)
endfunction()

# Sets ${out} to the list of complaints about the tree below `root`.
function(check_tree root out)
  set(files "")
  foreach(folder include runtime shaders src tools tests)
    foreach(extension c h cpp comp glsl)
      file(GLOB_RECURSE some RELATIVE "${root}" "${root}/${folder}/*.${extension}")
      list(APPEND files ${some})
    endforeach()
  endforeach()
  set(complaints "")
  foreach(file IN LISTS files)
    check_includes("${root}" "${file}")
    check_vulkan_names("${root}" "${file}")
  endforeach()
  set(${out} ${complaints} PARENT_SCOPE)
endfunction()

# One violation of each kind, and lines beside them that are right.
function(check_myself)
  string(RANDOM LENGTH 12 suffix)
  set(tree "$ENV{TMPDIR}")
  if(NOT tree)
    set(tree "/tmp")
  endif()
  string(APPEND tree "/vkseg-layers-${suffix}")
  file(WRITE "${tree}/include/vkseg/base.h" "#include <stdint.h>\n")
  file(WRITE "${tree}/include/vkseg/vkseg.h" "#include \"vkseg/base.h\"\n")
  file(WRITE "${tree}/runtime/base/mem.h" "#include \"vkseg/base.h\"\n")
  file(WRITE "${tree}/runtime/gpu/device.h" "#include <volk.h>\nVkDevice device[2];\n")
  file(WRITE "${tree}/runtime/graph/graph.h" "#include \"base/mem.h\"\n")
  file(WRITE "${tree}/runtime/graph/planner.c" "/* pure */\n#include \"graph/graph.h\"\n#include \"gpu/device.h\"\n")
  file(WRITE "${tree}/runtime/graph/plan.c" "#include \"gpu/device.h\"\n")
  file(WRITE "${tree}/runtime/ops/copy.c" "#include \"copy.h\"\n#include \"gpu/device.h\"\n")
  file(WRITE "${tree}/shaders/copy.h" "/* VkBuffer is only mentioned */\n")
  file(WRITE "${tree}/src/mask/finish.c" "#include \"base/mem.h\"\n#include \"graph/graph.h\"\n")
  file(WRITE "${tree}/src/nn/linear.c" "#include \"models/sam.h\"\n")
  file(WRITE "${tree}/src/models/sam.h" "int a; VkImage image; int b[3];\n")
  file(WRITE "${tree}/src/api/session.c" "#include \"../weights/weights.h\"\n#include \"absent.h\"\n")
  file(WRITE "${tree}/tools/vkseg/main.c" "#include \"vkseg/vkseg.h\"\n#include <png.h>\n#  include \"base/mem.h\"\n")
  file(WRITE "${tree}/tests/ops/copy.c" "#include \"models/sam.h\"\n")
  check_tree("${tree}" complaints)
  file(REMOVE_RECURSE "${tree}")
  set(expected runtime/graph/planner.c:3: runtime/ops/copy.c:2: src/mask/finish.c:2: src/nn/linear.c:1:
    src/models/sam.h:1: src/api/session.c:1: src/api/session.c:2: tools/vkseg/main.c:2: tools/vkseg/main.c:3:
    tests/ops/copy.c:1:)
  list(LENGTH expected wanted)
  list(LENGTH complaints got)
  foreach(place IN LISTS expected)
    if(NOT complaints MATCHES "${place}")
      message(FATAL_ERROR "check_layers: the self-test did not find ${place}")
    endif()
  endforeach()
  if(NOT wanted EQUAL got)
    string(REPLACE ";" "\n  " complaints "${complaints}")
    message(NOTICE "  ${complaints}")
    message(FATAL_ERROR "check_layers: the self-test expects ${wanted} violations and found ${got}")
  endif()
endfunction()

check_myself()
check_tree("${ROOT}" complaints)
list(LENGTH complaints count)
if(count)
  string(REPLACE ";" "\n  " complaints "${complaints}")
  message(NOTICE "  ${complaints}")
  message(FATAL_ERROR "the include rule (CONTRIBUTING.md) is broken in ${count} places")
endif()
message(STATUS "check_layers: no violation")
