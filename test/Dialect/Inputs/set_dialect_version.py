"""Copies MLIR bytecode with another version of the infini_attn dialect in it.

usage: set_dialect_version.py VERSION < IN > OUT

Reads the format as described in MLIR's BytecodeFormat.md: magic, version of the format, producer,
then sections; the dialect section (1) names each dialect by an index into the string section and
may hold a version section of the dialect's own, here one variable-width integer.
"""

import sys


def varint(data, at):
    """The integer at `at`, and where it ends: the trailing zeros of the first byte count the others."""
    extra = (data[at] & -data[at]).bit_length() - 1 if data[at] else 8
    raw = int.from_bytes(data[at:at + extra + 1], "little")
    return (raw >> 8 if extra == 8 else raw >> (extra + 1)), at + extra + 1


def sections(data, at):
    """Yields (id, offset of the content, its length)."""
    while at < len(data):
        kind = data[at]
        length, at = varint(data, at + 1)
        if kind & 0x80:  # aligned
            _, at = varint(data, at)
            while data[at] == 0xCB:
                at += 1
        yield kind & 0x7F, at, length
        at += length


def main():
    version = int(sys.argv[1])
    data = bytearray(sys.stdin.buffer.read())
    assert data[:4] == b"ML\xefR"
    _, at = varint(data, 4)
    at = data.index(0, at) + 1
    at = next(start for kind, start, _ in sections(data, at) if kind == 1)
    dialects, at = varint(data, at)
    versions = []  # offset and length of each
    for _ in range(dialects):
        name, at = varint(data, at)
        if name & 1:
            # A nested section: its id, its length, the version.
            length, at = varint(data, at + 1)
            versions.append((at, length))
            at += length
    # No other dialect of the test's module has a version.
    (at, length), = versions
    assert length == 1 and data[at] & 1, "expected a version of one byte"
    data[at] = version << 1 | 1
    sys.stdout.buffer.write(data)


if __name__ == "__main__":
    main()
