#!/bin/bash
# Runs every fuzzer of a build side by side, and fails where one finds a crash.
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "usage: test/fuzz/run.sh BUILD_DIR SECONDS [SEED]" >&2
  exit 1
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(realpath "$1")/fuzz
bin=$(realpath "$1")/bin
seconds=$2
seed=${3:-1}
targets=(pipelines readers)

python3 "$here/make_corpus.py" "$here/.." "$work/seeds-pipelines"
python3 "$here/make_files.py" "$work/seeds-readers"

# What earlier runs found stays in the build's corpus; the seeds come after it.
fuzz() {
  mkdir -p "$work/corpus-$1"
  "$bin/fuzz-$1" -max_total_time="$seconds" -timeout=120 -seed="$seed" -rss_limit_mb=4096 -max_len=4096 \
    -dict="$here/$1.dict" -artifact_prefix="$work/$1-" \
    "$work/corpus-$1" "$work/seeds-$1" >"$work/$1.log" 2>&1
}

pids=()
for target in "${targets[@]}"; do
  fuzz "$target" &
  pids+=($!)
done
failed=0
for i in "${!targets[@]}"; do
  log=$work/${targets[$i]}.log
  if wait "${pids[$i]}"; then
    echo "fuzz: ${targets[$i]}: $(grep '^Done' "$log"), no crash"
  else
    tail -60 "$log" >&2
    echo "fuzz: error: ${targets[$i]} failed, its input is in $work/" >&2
    failed=1
  fi
done
exit $failed
