#!/usr/bin/env bash
# The runtime knows nothing of the library: in a copy of the tree without src/, include/vkseg/vkseg*.h and the tools' C
# code, target vkr and tests/{base,graph,gpu,ops} build and pass.
#   tests/runtime_only.sh BUILD    (BUILD: where the shader compiler and the cache variables are taken from)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "$1")
work=$build/runtime_only
rm -rf "$work"
mkdir -p "$work/tree"
trap 'rm -rf "$work"' EXIT

cd "$root"
cp -r CMakeLists.txt cmake runtime shaders tests "$work/tree"
mkdir -p "$work/tree/tools" "$work/tree/include/vkseg"
cp tools/check_layers.cmake "$work/tree/tools"
cp include/vkseg/base.h "$work/tree/include/vkseg"
rm -rf "$work/tree/tests"/{src,api,models,cli,install,fuzz}

options=()
for name in VKSEG_GLSLANG CMAKE_BUILD_TYPE CMAKE_C_COMPILER CMAKE_C_COMPILER_LAUNCHER VKSEG_SANITIZE VKSEG_WERROR; do
    value=$(sed -n "s/^$name:[A-Z]*=//p" "$build/CMakeCache.txt" | head -n 1)
    [ -z "$value" ] || options+=("-D$name=$value")
done
if [ -x "$build/tools/glslang" ] && [[ " ${options[*]} " != *VKSEG_GLSLANG=* ]]; then
    options+=("-DVKSEG_GLSLANG=$build/tools/glslang")
fi
cmake -S "$work/tree" -B "$work/build" -G Ninja -DVKSEG_RUNTIME_ONLY=ON -DVKSEG_TESTS=ON "${options[@]}" >"$work/log" ||
    { cat "$work/log"; exit 1; }
cmake --build "$work/build" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
ctest --test-dir "$work/build" --output-on-failure -E '^(layers|ops_minimum)$'
