#!/usr/bin/env python3
"""Finds pass keys with the PyTorch model, streaming: constant memory for any length. The peer of the compiled model.

  evaluate.py --weights=weights/linear.safetensors --tokens=32768,1000000 --keys=20

All streams run as one batch, a few segments at a time. The five digits are generated greedily: each is fed back, the
answer is never shown. A key counts when all five digits are right. "max dz/z" is the health figure of docs/spec.md [F3]: the
largest growth of a component of z in one segment, from the second on. At most 2: no step of the delta rule expands the memory.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time

import numpy as np
import torch
from safetensors import safe_open

import haystack as haystacks
from model import Model

CHUNK_TOKENS = 16384  # tokens of all streams together that one call takes
GATE_OFF = -100.0  # sigmoid is 0 in f32: local attention only


def load(path, haystack):
    """The model in a safetensors file or a training checkpoint (.pt); checks that the vocabulary is the haystack's."""
    if path.endswith(".pt"):
        saved = torch.load(path)
        tensors, rule = saved["average"], saved["rule"]
    else:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors, rule = {name: file.get_tensor(name) for name in file.keys()}, metadata["rule"]
        if metadata["vocabulary_sha256"] != haystack.vocabulary_hash():
            raise ValueError(f"{path}: expected the vocabulary of haystack '{haystack.name}', got another one")
    model = Model(len(haystack.words), rule)
    model.load_state_dict(tensors)
    return model.eval()


class Stream:
    """Model state after some tokens of B streams: the memories of the whole segments, and the open segment's tokens.

    growth: max dz/z of the whole segments so far.
    """

    def __init__(self, model, every_output):
        self.model, self.memory, self.open, self.growth = model, None, None, 0.0
        self.last = None if every_output else 1

    def feed(self, tokens):
        """tokens int64 [B, n]; returns the logits after the last one, [B, V]."""
        segment = self.model.segment
        pending = tokens if self.open is None else torch.cat([self.open, tokens], 1)
        hidden, index = None, 0
        whole = pending.shape[1] // segment * segment
        if whole:
            hidden, self.memory = self.model(pending[:, :whole], self.memory, last=self.last)
            self.growth = max(self.growth, *(layer.growth for layer in self.model.layers))
            index = -1
        self.open = pending[:, whole:]
        if self.open.shape[1]:
            # The open segment is computed anew at each call and not committed: simple, and at most N tokens.
            padded = torch.nn.functional.pad(self.open, (0, segment - self.open.shape[1]))
            hidden, _ = self.model(padded, self.memory)
            index = self.open.shape[1] - 1
        return self.model.logits(hidden[:, index])


@torch.no_grad()
def answer(model, rows, every_output, progress):
    """(greedy digits of each stream, int64 [B, 5] token ids; max dz/z); rows: int32 [B, n], e.g. a memory-mapped npy file."""
    stream = Stream(model, every_output)
    piece = max(CHUNK_TOKENS // rows.shape[0] // model.segment, 1) * model.segment
    for start in range(0, rows.shape[1], piece):
        logits = stream.feed(torch.from_numpy(rows[:, start : start + piece].astype(np.int64)))
        progress(min(start + piece, rows.shape[1]))
    digits = []
    for i in range(haystacks.DIGITS):
        digits.append(logits.argmax(-1))
        if i + 1 < haystacks.DIGITS:
            logits = stream.feed(digits[-1][:, None])
    return torch.stack(digits, 1), stream.growth


def measure(model, haystack, length, keys, seed, show=False, every_output=False):
    """One row of the table: (found, seconds, max dz/z, indices of the missed keys)."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokens.npy")
        expected = haystack.digit_ids[haystacks.write(haystack, length, keys, seed, path)]
        rows = np.load(path, mmap_mode="r")
        began = time.monotonic()

        def progress(done):
            if show:
                print(f"\r{done} of {rows.shape[1]} tokens", end="", file=sys.stderr)

        digits, growth = answer(model, rows, every_output, progress)
        found = (digits.numpy() == expected).all(1)
        seconds = time.monotonic() - began
        if show:
            print("\r", end="", file=sys.stderr)
    return int(found.sum()), seconds, growth, np.flatnonzero(~found).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", required=True, help="safetensors file, or a checkpoint of train.py (.pt)")
    parser.add_argument("--haystack", choices=["synthetic", "book"], default="synthetic")
    parser.add_argument("--tokens", default="32768,131072,524288,1000000",
                        help="lengths, comma separated, each with its five digits; 0: the filler text once")
    parser.add_argument("--keys", type=int, default=20, help="streams a length")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", choices=["on", "off"], default="on", help="off: local attention only")
    parser.add_argument("--every-output", action="store_true",
                        help="compute every token's output, as the compiled model does, not only what a key needs")
    parser.add_argument("--json", help="file for the table")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    haystack = haystacks.load(arguments.haystack)
    model = load(arguments.weights, haystack)
    if arguments.memory == "off":
        for layer in model.layers:
            layer.gate.data.fill_(GATE_OFF)
    table = []
    print(f"{'tokens':>9} {'rule':>7} {'memory':>6} {'found':>8} {'tokens/s':>9} {'peak MB':>8} {'max dz/z':>9}  missed")
    for length in map(int, arguments.tokens.split(",")):
        length = length or haystack.whole_length()
        found, seconds, growth, missed = measure(model, haystack, length, arguments.keys, arguments.seed, sys.stderr.isatty(),
                                                 arguments.every_output)
        row = {"tokens": length, "rule": model.rule, "memory": arguments.memory, "keys": arguments.keys, "found": found,
               "tokens_per_s": round(length * arguments.keys / seconds),
               "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1), "max_dz_over_z": growth}
        table.append(row)
        print(f"{length:>9} {model.rule:>7} {arguments.memory:>6} {found:>3} of {arguments.keys:<2} "
              f"{row['tokens_per_s']:>8} {row['peak_mb']:>8} {growth:>9.3f}  {missed}", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"rows": table}, file, indent=1)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
