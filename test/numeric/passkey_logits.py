"""Records what PyTorch's pass-key model says to a short stream: `python passkey_logits.py` writes passkey_logits.npz.

Run by hand where torch is installed; the suite reads the file. For each rule: the stream, the logits in float64 at some of its
tokens, and how far the same model in float32 lies from it at any token.
"""
import sys
from pathlib import Path

import numpy as np
import torch

PASSKEY = Path(__file__).resolve().parents[2] / "examples" / "passkey"
FILE = Path(__file__).with_name("passkey_logits.npz")
SEGMENT = 128
# At both ends of segments, and the stream's last, inside of one.
POSITIONS = np.array([0, 1, 63, 127, 128, 255, 256, 257, 299])
ROWS, LENGTH = 2, 300


def main():
    sys.path.insert(0, str(PASSKEY))
    from model import Model
    from safetensors.torch import load_file
    recorded = dict(positions=POSITIONS)
    for rule in ("linear", "delta"):
        weights = load_file(PASSKEY / "weights" / f"{rule}.safetensors")
        vocabulary = len(weights["embedding.weight"])
        tokens = np.random.default_rng(4).integers(0, vocabulary, (ROWS, LENGTH)).astype(np.int32)
        padded = torch.tensor(np.pad(tokens, ((0, 0), (0, -LENGTH % SEGMENT)))).long()
        logits = []
        for dtype in (torch.float64, torch.float32):
            model = Model(vocabulary, rule)
            model.load_state_dict(weights)
            model = model.to(dtype)
            with torch.no_grad():
                logits.append((model(padded)[0] @ model.logits.weight)[:, :LENGTH].double().numpy())
        recorded |= {f"{rule}_tokens": tokens, f"{rule}_logits": logits[0][:, POSITIONS],
                     f"{rule}_peer_error": np.abs(logits[1] - logits[0]).max()}
    np.savez_compressed(FILE, **recorded)


if __name__ == "__main__":
    main()
