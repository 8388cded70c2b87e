#!/bin/bash
# Checks the C++ sources' format, and with --tidy also runs clang-tidy's short list of checks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/lint.sh [--fix | --tidy [FILE...]] [--help]

Checks that clang-format 22 would change no C++ source.

  --fix    lets it change them
  --tidy   also runs the checks of .clang-tidy on FILEs, or on all sources
           (8 seconds a file; needs clang-tidy-22 and a build in build/)
TEXT
}

mapfile -t sources < <(find include lib tools test -name '*.h' -o -name '*.cpp' | sort)
case ${1:-} in
  --fix) clang-format-22 -i "${sources[@]}" ;;
  "" | --tidy) clang-format-22 --dry-run -Werror "${sources[@]}" ;;
  --help) usage; exit 0 ;;
  *) echo "lint: error: expected --fix, --tidy or --help, got '$1'" >&2; exit 1 ;;
esac
[ "${1:-}" = --tidy ] || exit 0

[ -f build/compile_commands.json ] || {
  echo "lint: error: expected a build in build/, run scripts/check.sh" >&2; exit 1; }
command -v clang-tidy-22 >/dev/null || {
  echo "lint: error: expected clang-tidy-22, run apt-get install clang-tidy-22" >&2; exit 1; }
shift
files=("$@")
# The fuzzers are not part of the release build, so that it has no flags for them.
[ $# != 0 ] || mapfile -t files < <(find lib tools -name '*.cpp' | sort)
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-22 -p build --quiet
