"""Writes the readers' seeds: small .npy and .safetensors files, right and slightly wrong.

usage: make_files.py OUT_DIR
"""

import json
import pathlib
import struct
import sys


def npy(descr, shape, data, order="False", version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    size = struct.pack("<H", len(header)) if version == 1 else struct.pack("<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


def safetensors(tensors, data):
    header = json.dumps(tensors).encode()
    return struct.pack("<Q", len(header)) + header + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def files():
    for descr, size in (("<f4", 4), ("<f8", 8), ("<f2", 2), ("<i4", 4), ("<i8", 8), (">f4", 4), ("<c8", 8)):
        yield npy(descr, "(2, 3)", bytes(6 * size))
    for shape in ("()", "(0,)", "(2, 0, 3)", "(6,)", "(3, 2)", "(-1, 6)", "(9223372036854775807, 4)"):
        yield npy("<i4", shape, bytes(24))
    for version in (1, 2, 3, 9):
        yield npy("<f4", "(2, 3)", bytes(24), version=version)
    yield npy("<f4", "(2, 3)", bytes(24), order="True")
    yield npy("<f4", "(2, 3)", bytes(23))
    yield safetensors({}, b"")
    for dtype, size in (("F32", 4), ("F64", 8), ("F16", 2), ("BF16", 2), ("I32", 4), ("I64", 8), ("BOOL", 1)):
        yield safetensors({"a": tensor(dtype, [2, 3], 0, 6 * size)}, bytes(6 * size))
    two = {"__metadata__": {"rule": "linear"}, "a": tensor("F32", [2], 0, 8), "b": tensor("F32", [], 8, 12)}
    yield safetensors(two, bytes(12))
    for begin, end in ((0, 9), (4, 8), (8, 0), (-8, 0), (0, 1 << 62)):
        yield safetensors({"a": tensor("F32", [2], begin, end)}, bytes(8))
    yield safetensors({"a": tensor("F32", [1 << 62, 1 << 62], 0, 8)}, bytes(8))
    yield safetensors({"__metadata__": json.loads("[" * 20 + "]" * 20)}, b"")
    yield safetensors({'"[\\': tensor("F32", [2], 0, 8)}, bytes(8))


def main():
    out_dir = pathlib.Path(sys.argv[1])
    out_dir.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(files()):
        (out_dir / f"{number:02}").write_bytes(data)


if __name__ == "__main__":
    main()
