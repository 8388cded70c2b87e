"""Writes the arrays that the tests of infini-run use into a folder.

usage: make_arrays.py FOLDER
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(1)
B, HQ, HKV, T, DK, DV, N = 2, 4, 2, 10, 8, 6, 4


def save(name, *shape, kind="normal"):
    array = {"normal": random.standard_normal, "positive": random.random}[kind](shape).astype(np.float32)
    np.save(folder / f"{name}.npy", array)
    return array


save("q", B, HQ, T, DK)
save("k", B, HKV, T, DK)
save("v", B, HKV, T, DV)
save("k_short", B, HKV, T - 1, DK)
save("gate", HQ)
save("a_mem", B, HQ, T, DV)
save("a_dot", B, HQ, T, DV)
save("memory", B, HKV, DK, DV)
save("normalizer", B, HKV, DK, kind="positive")
save("rotary", DK // 2, kind="positive")
np.save(folder / "half.npy", np.float32(0.5))
np.save(folder / "lengths.npy", np.array([T, 5]))
np.save(folder / "lengths_out.npy", np.array([T, -3]))
np.save(folder / "q64.npy", np.load(folder / "q.npy").astype(np.float64))
np.save(folder / "q_columns.npy", np.asfortranarray(np.load(folder / "q.npy")))
np.save(folder / "q_empty.npy", np.zeros((B, HQ, 0, DK), np.float32))
np.save(folder / "kv_empty.npy", np.zeros((B, HKV, 0, DK), np.float32))
np.save(folder / "v_empty.npy", np.zeros((B, HKV, 0, DV), np.float32))
np.save(folder / "o_empty.npy", np.zeros((B, HQ, 0, DV), np.float32))
np.save(folder / "tokens_none.npy", np.zeros((3, 0), np.int32))
np.save(folder / "rows_none.npy", np.zeros((0, 10), np.int32))
np.save(folder / "tokens.npy", random.integers(0, 11, (3, 10)).astype(np.int32))
np.save(folder / "tokens_out.npy", np.full((3, 10), 11, np.int32))
np.save(folder / "tokens_many_rows.npy", np.zeros((1 << 28, 0), np.int32))
np.save(folder / "tokens_too_many_rows.npy", np.zeros((1 << 40, 0), np.int32))
np.save(folder / "tokens_1d.npy", np.zeros(10, np.int32))
np.save(folder / "rows.npy", np.array([0, 1 << 30], np.int32))
np.save(folder / "no_rows.npy", np.zeros((0, 1 << 22), np.float32))


def safetensors(name, tensors):
    header, data = {}, b""
    for key, array in tensors.items():
        header[key] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    (folder / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


weights = {"embedding": random.standard_normal((11, 4)).astype(np.float32),
           "gate": np.zeros(1, np.float32),
           "logits": random.standard_normal((4, 11)).astype(np.float32)}
safetensors("weights", weights)
safetensors("few", {"embedding": weights["embedding"]})
safetensors("misshapen", weights | {"logits": weights["logits"].T.copy()})
safetensors("nan", weights | {"gate": np.full(1, np.nan, np.float32)})
