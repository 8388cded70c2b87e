"""Fails where a committed document differs from the generated one.

usage: compare.py COMMITTED GENERATED
"""

import difflib
import pathlib
import sys


def main():
    committed, generated = map(pathlib.Path, sys.argv[1:])
    old = committed.read_text().splitlines() if committed.exists() else []
    new = generated.read_text().splitlines()
    if old == new:
        return 0
    print("\n".join(difflib.unified_diff(old, new, str(committed), str(generated), lineterm="")))
    print(f"{committed.name} is stale: run `ninja -C build update-docs` and commit the result")
    return 1


if __name__ == "__main__":
    sys.exit(main())
