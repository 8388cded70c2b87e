#!/bin/bash
# Installs what the build, the tests and the demo need on Debian 12: LLVM/MLIR 22
# and tools from apt, and a Python environment in .venv. What is there stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [--sanitize] [--book] [--help]

Installs what is missing on Debian 12 (as root, or with sudo), and nothing else:
compilers, LLVM/MLIR 22 and cmake from apt, numpy and pytest from PyPI into .venv.
scripts/check.sh and scripts/demo.sh call it by themselves.

  --sanitize   also what the sanitizer build and the fuzzers need
  --book       also the text that the demo's --book reads
TEXT
}

say() { echo "setup: $*"; }
die() { echo "setup: error: $*" >&2; exit 1; }

packages=(
  ca-certificates ccache clang-22 clang-format-22 cmake g++ libmlir-22-dev
  libomp-22-dev libstdc++-12-dev libxml2-dev libzstd-dev lld-22 llvm-22-dev
  llvm-22-tools mlir-22-tools ninja-build python3-venv zlib1g-dev
  qemu-user-static libc6-dev-arm64-cross libgcc-12-dev-arm64-cross) # runs code for AArch64 in the tests
for arg in "$@"; do
  case $arg in
    --sanitize) packages+=(libclang-rt-22-dev) ;;
    --book) packages+=(bible-kjv bible-kjv-text) ;;
    --help) usage; exit 0 ;;
    *) die "expected --sanitize, --book or --help, got '$arg'" ;;
  esac
done

# Measured with every package missing: 2.2 GB under /usr and 0.4 GB of
# downloads in /var, both of which are on one disk on most machines.
needed_mb=3500
log=.cache/setup.log

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs a command with its output in the log, and as root.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@" >>$log 2>&1; else sudo "$@" >>$log 2>&1; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 \
    -o DPkg::Lock::Timeout=120 "$@"
}

# Not piped into grep -q: it closes the pipe early, which pipefail takes for a failure.
has_candidate() { [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]; }

require_debian_12() {
  local name=unknown
  [ -r /etc/os-release ] && name=$(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")
  [ "$name" = "debian 12" ] ||
    die "expected Debian 12, got '$name'; where LLVM/MLIR 22, cmake, ninja and lld are installed by hand, give --no-setup"
}

require_disk() {
  local free_mb
  free_mb=$(df -Pm /usr | awk 'NR == 2 { print $4 }')
  [ "$free_mb" -ge $needed_mb ] ||
    die "expected at least $needed_mb MB of free disk in /usr, got $free_mb MB"
}

require_root() {
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "expected root or sudo, to install: $*"
  if [ "$(id -u)" != 0 ]; then
    say "needs sudo to install packages"
    sudo -v || die "expected sudo to work for $(id -un), to install: $*"
  fi
}

# LLVM 22 is in Debian 12's security suite, which a minimal system lacks.
add_security_suite() {
  local list=/etc/apt/sources.list.d/infini-attn-bookworm-security.list
  grep -rqs bookworm-security /etc/apt/sources.list /etc/apt/sources.list.d &&
    die "apt lists bookworm-security but knows no llvm-22-dev: is the network reachable? see $log"
  say "adding Debian's security suite, where LLVM 22 is: $list"
  as_root sh -c "echo 'deb http://deb.debian.org/debian-security bookworm-security main' > $list"
  apt_get update || die "apt-get update failed after adding $list, see $log"
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  require_disk
  require_root "${missing[@]}"
  say "installing with apt (1 to 3 minutes when all are missing): ${missing[*]}"
  apt_get update || say "apt-get update reported errors, going on with the lists there are"
  has_candidate llvm-22-dev || add_security_suite
  for package in "${missing[@]}"; do
    has_candidate "$package" ||
      die "apt knows no package $package: is the network reachable? see $log"
  done
  apt_get install -y --no-install-recommends "${missing[@]}" ||
    die "apt-get install failed: $(grep '^E:' $log | tail -1), see $log"
}

install_python() {
  local stamp=.venv/requirements.txt
  cmp -s scripts/requirements.txt $stamp && [ -x .venv/bin/python ] && return
  say "installing numpy and pytest into .venv (about 15 seconds)"
  /usr/bin/python3 -m venv .venv >>$log 2>&1 || die "python3 -m venv .venv failed, see $log"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    -r scripts/requirements.txt >>$log 2>&1 ||
    die "pip could not install scripts/requirements.txt: is the network reachable? see $log"
  cp scripts/requirements.txt $stamp
}

require_debian_12
mkdir -p .cache && : >$log || die "expected $PWD to be writable"
install_packages
install_python
