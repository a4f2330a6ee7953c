#!/usr/bin/env bash
# Installs a build into an empty folder and builds a program against that alone, with pkg-config and with CMake.
#   tests/install/run.sh BUILD
set -euo pipefail

build=$(realpath "${1:?usage: run.sh BUILD}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VKS_CACHE=$work/cache XDG_CACHE_HOME=$work/cache
if grep -q '^VKSEG_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
    echo "SKIPPED: a sanitized library cannot serve a plain program"
    exit 77
fi

cmake --install "$build" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
lib=$(dirname "$(find "$work/prefix" -name vkseg.pc | head -n 1)")/..
lib=$(realpath "$lib")
headers=$(cd "$work/prefix/include/vkseg" && echo *)
[ "$headers" = "base.h vkseg.h vkseg_io.h vkseg_measure.h vkseg_volume.h vkseg_vulkan.h" ] ||
    { echo "unexpected headers: $headers"; exit 1; }

PKG_CONFIG_PATH=$lib/pkgconfig
export PKG_CONFIG_PATH
linkage=()
[ -e "$lib/libvkseg.so" ] || linkage=(--static)
read -ra flags <<<"$(pkg-config "${linkage[@]}" --cflags --libs vksegio)"
cc -std=c11 -Wall -Wextra -Werror "$here/consumer.c" -o "$work/consumer" "${flags[@]}"
LD_LIBRARY_PATH=$lib "$work/consumer"

if [ -d "$lib/cmake/vkseg" ]; then
    cmake -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log"
    cmake --build "$work/cmake" >>"$work/log" || { cat "$work/log"; exit 1; }
    "$work/cmake/consumer"
fi

# The installed program finds its libraries and lists nothing but what is there.
"$work/prefix/bin/vkseg" --version
image=$here/../../assets/images/ct_slice.png
if "$work/prefix/bin/vkseg" devices --json 2>/dev/null | grep -q '"usable": true'; then
    (cd "$work" && "$work/prefix/bin/vkseg" segment "$image" -m demo --box 39,47,113,166 -o mask.png -q) |
        grep -E '^object 1: predicted IoU 0\.[5-9]|^object 1: predicted IoU 1\.' ||
        { echo "the installed program does not segment with -m demo"; exit 1; }
else
    echo "SKIPPED: -m demo after installation: no usable Vulkan device"
fi
if grep -rIl "$work\|$build" "$work/prefix/include" "$work/prefix/share" 2>/dev/null; then
    echo "an installed file names the build folder"
    exit 1
fi
