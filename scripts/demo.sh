#!/bin/bash
# Installs what is missing, builds, and runs the pass-key model over long token streams.
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/demo.sh [--quick | --full | --book] [--json FILE] [--no-setup] [--help]

Runs a trained Infini-attention language model over streams of up to 1,000,000
tokens in which a five-digit pass key is hidden, and prints how many keys it
finds, tokens/s and peak memory. Installs what is missing and builds first.

  --quick       a short table, in about a minute after the build
  --full        20 keys at every length (the default has fewer at the longest)
  --book        hides 20 keys in the text of a whole book instead
  --json FILE   also writes the table to FILE
  --no-setup    takes the installed tools as they are
TEXT
}

setup=1
book=
args=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick | --full) args+=("$1") ;;
    --book) book=--book; args+=(--book) ;;
    --json)
      [ $# -ge 2 ] || { echo "demo: error: expected a file after --json, got nothing" >&2; exit 1; }
      args+=(--json "$(cd "$caller" && realpath -m -- "$2")"); shift ;;
    --no-setup) setup= ;;
    --help) usage; exit 0 ;;
    *) echo "demo: error: expected --quick, --full, --book, --json, --no-setup or --help, got '$1'" >&2; exit 1 ;;
  esac
  shift
done

[ -z "$setup" ] || scripts/setup.sh $book
scripts/build.sh release
python=.venv/bin/python
[ -x $python ] || python=python3
exec $python examples/passkey/demo.py "${args[@]}"
