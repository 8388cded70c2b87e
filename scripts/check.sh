#!/bin/bash
# Installs what is missing, builds, and runs every test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/check.sh [--sanitize] [--no-setup] [--help]

Installs what is missing (scripts/setup.sh), builds the release preset and runs
every test with ctest. Each step is a no-op for what is done already.

  --sanitize   also builds with the address and undefined-behaviour sanitizers,
               runs the suite there, and runs each fuzzer for 60 seconds
  --no-setup   takes the installed tools as they are
TEXT
}

sanitize=
setup=1
for arg in "$@"; do
  case $arg in
    --sanitize) sanitize=--sanitize ;;
    --no-setup) setup= ;;
    --help) usage; exit 0 ;;
    *) echo "check: error: expected --sanitize, --no-setup or --help, got '$arg'" >&2; exit 1 ;;
  esac
done

# Two at a time on two cores: each test is one process that takes a core.
jobs=$(nproc)
run_tests() {
  echo "check: running the tests of $1/"
  ctest --test-dir "$1" --output-on-failure --parallel "$jobs"
}

[ -z "$setup" ] || scripts/setup.sh $sanitize
scripts/build.sh release
run_tests build
if [ -n "$sanitize" ]; then
  scripts/build.sh asan
  run_tests build-asan
  echo "check: running each fuzzer for 60 seconds"
  test/fuzz/run.sh build-asan 60
fi
