"""Writes the fuzzers' seeds: each module of the lit tests as one file.

usage: make_corpus.py TEST_DIR OUT_DIR
"""

import hashlib
import pathlib
import re
import sys


def seeds(test_dir):
    for path in sorted(test_dir.rglob("*.mlir")):
        for module in re.split(r"^// -----.*$", path.read_text(), flags=re.MULTILINE):
            # Comments only dilute what the fuzzer mutates.
            lines = [l for l in module.splitlines() if l.strip() and not l.strip().startswith("//")]
            if lines:
                yield "\n".join(lines) + "\n"


def main():
    test_dir, out_dir = map(pathlib.Path, sys.argv[1:])
    out_dir.mkdir(parents=True, exist_ok=True)
    for seed in seeds(test_dir):
        data = seed.encode()
        (out_dir / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
