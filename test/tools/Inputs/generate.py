"""Generates tokens by running the whole sequence again for each, the most likely one every time.

usage: generate.py FOLDER MODEL COUNT OUTPUT
"""
import subprocess
import sys

import numpy as np

folder, model, count, output = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
tokens = np.load(f"{folder}/tokens.npy")
given = tokens.shape[1]
for _ in range(count):
    np.save(f"{folder}/so_far.npy", tokens)
    subprocess.run(["infini-run", model, f"--input={folder}/so_far.npy", f"--weights={folder}/weights.safetensors",
                    f"--output={folder}/all_logits.npy"], check=True)
    last = np.load(f"{folder}/all_logits.npy")[:, -1]
    tokens = np.concatenate([tokens, last.argmax(1, keepdims=True).astype(np.int32)], 1)
np.save(output, tokens[:, given:])
