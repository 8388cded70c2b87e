"""Fails where a program or library links a static library of MLIR or LLVM.

usage: link_lines.py BUILD_DIR

Two copies of MLIR in one process have two sets of type ids, so that a cast succeeds or fails by
the copy that made the object. Everything links libMLIR.so instead.
"""

import re
import subprocess
import sys

# lib/libInfiniAttn*.a are this project's own.
STATIC = re.compile(r"\S*/lib(?:MLIR|LLVM)\w*\.a\b|-l(?:MLIR|LLVM)[A-Z]\w*")
SHARED = re.compile(r"libMLIR\.so")


def main():
    commands = subprocess.run(["ninja", "-C", sys.argv[1], "-t", "commands", "all"],
                              check=True, capture_output=True, text=True).stdout.splitlines()
    links = [c for c in commands if SHARED.search(c)]
    static = sorted({hit for c in commands for hit in STATIC.findall(c)})
    for name in static:
        print(f"expected libMLIR.so alone in the link lines, got {name}")
    if not links:
        print("expected link lines with libMLIR.so, got none")
    print(f"{len(links)} link lines looked at")
    return 1 if static or not links else 0


if __name__ == "__main__":
    sys.exit(main())
