"""Writes broken npy and safetensors files, feeds each to infini-run, and prints its error.

usage: hostile_files.py FOLDER MODEL
"""
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

folder, model = Path(sys.argv[1]), sys.argv[2]


def npy(header, data=b"", version=(1, 0), length=None, magic=b"\x93NUMPY"):
    text = header.encode()
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text) if length is None else length)
    return magic + bytes(version) + size + text + data


def tensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"
NPY = {
    "empty": b"",
    "magic": npy(GOOD, bytes(24), magic=b"\x93NUMPX"),
    "version": npy(GOOD, bytes(24), version=(9, 0)),
    "header_beyond": npy(GOOD, bytes(24), length=60000),
    "header_huge": npy(GOOD, bytes(24), version=(2, 0), length=0xFFFFFFFF),
    "truncated": npy(GOOD, bytes(23)),
    "no_shape": npy("{'descr': '<f4', 'fortran_order': False, }\n", bytes(24)),
    "open_shape": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3\n", bytes(24)),
    "negative": npy(GOOD.replace("(2, 3)", "(-2, 3)"), bytes(24)),
    "overflow": npy(GOOD.replace("(2, 3)", "(4294967296, 4294967296)"), bytes(24)),
    "overflow_to_small": npy(GOOD.replace("(2, 3)", "(9223372036854775808, 2)"), bytes(24)),
    "huge": npy(GOOD.replace("(2, 3)", "(1000000000, 1000)"), bytes(24)),
    "rows_of_nothing": npy(GOOD.replace("(2, 3)", "(9223372036854, 4, 0, 64)")),
    "words": npy(GOOD.replace("(2, 3)", "(two, 3)"), bytes(24)),
    "big_endian": npy(GOOD.replace("<f4", ">f4"), bytes(24)),
    "object": npy(GOOD.replace("<f4", "|O"), bytes(24)),
    "columns": npy(GOOD.replace("False", "True"), bytes(24)),
}
ENTRY = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
SAFETENSORS = {
    "empty": b"",
    "length_beyond": tensors({"a": ENTRY}, bytes(24), length=1 << 20),
    "length_huge": tensors({"a": ENTRY}, bytes(24), length=(1 << 64) - 1),
    "no_json": tensors(b"{'a': 1}", bytes(24)),
    "deep_json": tensors(b"[" * 100_000 + b"]" * 100_000),
    "deep_metadata": tensors(b'{"__metadata__": ' + b'{"a": ' * 16 + b"1" + b"}" * 17),
    "no_object": tensors([1, 2], bytes(24)),
    "no_entry": tensors({"a": 3}, bytes(24)),
    "no_offsets": tensors({"a": {"dtype": "F32", "shape": [2, 3]}}, bytes(24)),
    "truncated": tensors({"a": ENTRY}, bytes(23)),
    "offsets_swapped": tensors({"a": ENTRY | {"data_offsets": [24, 0]}}, bytes(24)),
    "offsets_negative": tensors({"a": ENTRY | {"data_offsets": [-24, 0]}}, bytes(24)),
    "offsets_wrong": tensors({"a": ENTRY | {"data_offsets": [0, 20]}}, bytes(24)),
    "overflow": tensors({"a": ENTRY | {"shape": [1 << 32, 1 << 32]}}, bytes(24)),
    "negative": tensors({"a": ENTRY | {"shape": [-2, -3]}}, bytes(24)),
    "dtype": tensors({"a": ENTRY | {"dtype": "F8_E4M3"}}, bytes(24)),
}


def run(name, option):
    output = folder / "written.npy"
    done = subprocess.run(["infini-run", model, option, f"--output={output}"], capture_output=True, text=True)
    lines = done.stderr.splitlines()
    if done.returncode != 1 or len(lines) != 1 or not lines[0].startswith("infini-run: error: ") or output.exists():
        sys.exit(f"{name}: expected one line of error and exit code 1, got {done.returncode}: {done.stderr}")
    print(f"{name}: {lines[0].removeprefix('infini-run: error: ').replace(str(folder) + '/', '')}")


folder.mkdir(parents=True, exist_ok=True)
for name, content in NPY.items():
    path = folder / f"{name}.npy"
    path.write_bytes(content)
    run(f"npy {name}", f"--input={path}")
for name, content in SAFETENSORS.items():
    path = folder / f"{name}.safetensors"
    path.write_bytes(content)
    run(f"safetensors {name}", f"--weights={path}")
run("npy missing", f"--input={folder}/missing.npy")
run("npy folder", f"--input={folder}")
run("safetensors missing", f"--weights={folder}/missing.safetensors")
run("safetensors folder", f"--weights={folder}")
run("safetensors device", "--weights=/dev/zero")
with open(folder / "header_long.safetensors", "wb") as file:
    file.write(tensors(b"", length=100_000_001))
    file.truncate(100_000_009)  # without data on the disk
run("safetensors header_long", f"--weights={file.name}")
os.mkfifo(folder / "pipe")
run("npy pipe", f"--input={folder}/pipe")
