#!/bin/bash
# Configures and builds one CMake preset. Nothing is done for what is up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1:-}" = --help ]; then
  cat <<'TEXT'
usage: scripts/build.sh [PRESET]

Configures and builds a preset of CMakePresets.json: release (the default, in build/),
debug (in build-debug/), asan (in build-asan/) or gcc (in build-gcc/).
TEXT
  exit 0
fi
preset=${1:-release}
case $preset in
  release) dir=build ;;
  debug | asan | gcc) dir=build-$preset ;;
  *) echo "build: error: expected a preset release, debug, asan or gcc, got '$preset'" >&2; exit 1 ;;
esac

free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
if [ "$free_mb" -lt 1000 ]; then
  echo "build: error: expected at least 1000 MB of free disk in $PWD, got $free_mb MB" >&2
  exit 1
fi
command -v cmake >/dev/null || {
  echo "build: error: expected cmake to be installed, run scripts/setup.sh" >&2; exit 1; }

if [ ! -f $dir/build.ninja ]; then
  echo "build: configuring preset $preset in $dir/ (about 10 seconds)"
  mkdir -p $dir
  cmake --preset "$preset" >$dir/configure.log 2>&1 || {
    cat $dir/configure.log
    echo "build: error: cmake --preset $preset failed" >&2
    exit 1; }
fi
echo "build: building $dir/ (minutes the first time on 2 cores, seconds later)"
ninja -C $dir
