"""Fails where a pass or pipeline is missing from the fuzzer's list.

usage: fuzzed_passes.py SOURCE_DIR
"""

import pathlib
import re
import sys


def main():
    source = pathlib.Path(sys.argv[1])
    names = set()
    for file in (source / "include").rglob("Passes.td"):
        names.update(re.findall(r':\s*Pass<"([\w-]+)"', file.read_text()))
    for file in (source / "lib" / "Pipelines").glob("*.cpp"):
        names.update(re.findall(r'"(infini-attn-[\w-]+-pipeline)"', file.read_text()))
    fuzzed = (source / "test" / "fuzz" / "FuzzPipelines.cpp").read_text()
    missing = [n for n in sorted(names) if not re.search(rf'"{n}["{{]', fuzzed)]
    for name in missing:
        print(f"expected {name} in test/fuzz/FuzzPipelines.cpp, got no such line")
    if not names:
        print("expected passes in include/**/Passes.td, got none")
    print(f"{len(names)} passes and pipelines looked at")
    return 1 if missing or not names else 0


if __name__ == "__main__":
    sys.exit(main())
