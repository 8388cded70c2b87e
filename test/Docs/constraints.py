"""Fails where an operation's numbered constraints and their tests are not the same.

usage: constraints.py docs/reference/dialect.md test/Dialect

The document lists the constraints of each operation as `- (C1) ...`; a test of one, in
invalid-OPERATION.mlir or invalid-OPERATION-sizes.mlir, has a comment `// (C1) ...` and
below it, in the same piece of the file, the error expected of that operation.
"""

import pathlib
import re
import sys


def documented(text):
    """{operation: its constraints' numbers}."""
    sections = re.split(r"^### `infini_attn\.(\w+)`", text, flags=re.MULTILINE)[1:]
    return {op: re.findall(r"^- \(C(\d+)\)", body, re.MULTILINE)
            for op, body in zip(sections[::2], sections[1::2])}


def pieces(folder, op):
    """(file, text) of what is verified by itself in the operation's files."""
    name = f"invalid-{op.replace('_', '-')}"
    # invalid-attention-step is not a file of attention's.
    files = [path for path in folder.glob("invalid-*.mlir") if path.stem in (name, name + "-sizes")]
    return [(path.name, piece) for path in files
            for piece in re.split(r"^// -----$", path.read_text(), flags=re.MULTILINE)]


def tested(folder, op):
    """(the numbers that have an error of the operation below them, errors about those that have none)."""
    numbers, errors = set(), []
    for file, piece in pieces(folder, op):
        _, *parts = re.split(r"^// \(C(\d+)\)", piece, flags=re.MULTILINE)
        for number, text in zip(parts[::2], parts[1::2]):
            if re.search(rf"// expected-error @.*infini_attn\.{op}'", text):
                numbers.add(number)
            else:
                errors.append(f"{file}: expected an error of {op} below (C{number}), got none")
    return numbers, errors


def main():
    document, folder = map(pathlib.Path, sys.argv[1:])
    operations, errors = documented(document.read_text()), []
    for op, numbers in operations.items():
        if not numbers or numbers != [str(i + 1) for i in range(len(numbers))]:
            errors.append(f"{op}: expected constraints numbered from 1, got {numbers}")
        found, untested = tested(folder, op)
        errors += untested
        if set(numbers) != found:
            errors.append(f"{op}: expected a test of constraints {sorted(numbers, key=int)}, "
                          f"got {sorted(found, key=int)}")
    if not operations:
        errors.append(f"{document}: expected operations, got none")
    print("\n".join(errors) or f"constraints of {len(operations)} operations are tested")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
