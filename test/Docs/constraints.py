"""Fails where an operation's numbered constraints and their tests are not the same.

usage: constraints.py docs/reference/dialect.md test/Dialect

The document lists the constraints of each operation as `- (C1) ...`; a test of one, in
invalid-OPERATION.mlir or invalid-OPERATION-sizes.mlir, has a comment `// (C1) ...`.
"""

import pathlib
import re
import sys


def documented(text):
    """{operation: its constraints' numbers}."""
    sections = re.split(r"^### `infini_attn\.(\w+)`", text, flags=re.MULTILINE)[1:]
    return {op: re.findall(r"^- \(C(\d+)\)", body, re.MULTILINE)
            for op, body in zip(sections[::2], sections[1::2])}


def tested(folder, op):
    name = f"invalid-{op.replace('_', '-')}"
    # invalid-attention-step is not a file of attention's.
    files = [path for path in folder.glob("invalid-*.mlir") if path.stem in (name, name + "-sizes")]
    return {n for path in files for n in re.findall(r"^// \(C(\d+)\)", path.read_text(), re.MULTILINE)}


def main():
    document, folder = map(pathlib.Path, sys.argv[1:])
    operations, errors = documented(document.read_text()), []
    for op, numbers in operations.items():
        if not numbers or numbers != [str(i + 1) for i in range(len(numbers))]:
            errors.append(f"{op}: expected constraints numbered from 1, got {numbers}")
        if set(numbers) != tested(folder, op):
            errors.append(f"{op}: expected a test of constraints {sorted(numbers, key=int)}, "
                          f"got {sorted(tested(folder, op), key=int)}")
    if not operations:
        errors.append(f"{document}: expected operations, got none")
    print("\n".join(errors) or f"constraints of {len(operations)} operations are tested")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
