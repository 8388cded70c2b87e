"""Compares what infini-run wrote with the float64 reference of the numeric suite.

usage: compare.py FOLDER OPERATION TOLERANCE FILE...

FILE... are the results of OPERATION on the arrays of make_arrays.py in FOLDER.
"""
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "numeric"))
import reference  # noqa: E402

folder, operation, tolerance = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
arrays = {file.stem: np.load(file) for file in folder.glob("*.npy")}
q, k, v, gate, lengths, M, z = (arrays[name] for name in ("q", "k", "v", "gate", "lengths", "memory", "normalizer"))
zero = np.zeros_like(M), np.zeros_like(z)
expected = {
    "segment_attention": lambda: reference.segment_attention(
        q, k, v, lengths=lengths, rotary_frequencies=arrays["rotary"], rotary_style="halves"),
    "memory_retrieve": lambda: [reference.memory_retrieve(q, M, z, lengths=lengths, epsilon=0.5)],
    "memory_update": lambda: reference.memory_update(k, v, M, z, rule="delta", lengths=lengths),
    "gate": lambda: [reference.gate(arrays["a_mem"], arrays["a_dot"], gate)],
    "segment": lambda: reference.segment(q, k, v, gate, M, z, rule="linear"),
    "attention": lambda: reference.attention(q, k, v, gate, *zero, segment_length=4, rule="delta", lengths=lengths),
    "memory_scan": lambda: reference.memory_scan(k, v, *zero, segment_length=4, rule="delta"),
    # Two whole segments are committed, two tokens are pending.
    "attention_step": lambda: [
        reference.attention(q, k, v, gate, *zero, segment_length=4, rule="linear")[0],
        *reference.attention(q[:, :, :8], k[:, :, :8], v[:, :, :8], gate, *zero, segment_length=4, rule="linear")[1:]],
}[operation]()
for path, want in zip(sys.argv[4:], expected, strict=True):
    have = np.load(path)
    if have.shape != want.shape or have.dtype != np.float32:
        sys.exit(f"{path}: expected {want.shape} float32, got {have.shape} {have.dtype}")
    finite = np.isfinite(want)
    error = np.abs(have[finite] - want[finite]).max(initial=0)
    if not (error <= tolerance and np.array_equal(have[~finite], want[~finite])):
        sys.exit(f"{path}: expected an error of at most {tolerance}, got {error}")
print(f"{operation}: {len(expected)} results agree")
