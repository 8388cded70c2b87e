"""The pass-key model of examples/passkey over a stream: infini-run beside the same in eager PyTorch, and peak memory."""
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ours import BIN, ROOT
from turns import Row

EXAMPLE = ROOT / "examples" / "passkey"
RULE, KEYS, CHUNK = "delta", 2, 512
sys.path.insert(0, str(EXAMPLE))


def tokens_file(folder, tokens):
    """KEYS streams of so many tokens, with the digits to be found."""
    import haystack
    text, path = haystack.load("synthetic"), Path(folder) / f"{tokens}.npy"
    return path, text.digit_ids[haystack.write(text, tokens, KEYS, 1, str(path))]


def ours(path, threads, folder):
    """(digits, {seconds, tokens_per_s, peak_mb}) of infini-run."""
    digits, measured = Path(folder) / "digits.npy", Path(folder) / "run.json"
    subprocess.run([str(part) for part in (
        BIN / "infini-run", EXAMPLE / f"passkey-{RULE}.mlir", "--entry=lm", f"--weights={EXAMPLE}/weights/{RULE}.safetensors",
        f"--input=tokens={path}", "--stream", f"--chunk={CHUNK}", "--generate=5", f"--output={digits}", f"--json={measured}",
        f"--threads={threads}")], check=True)
    return np.load(digits), json.loads(measured.read_text())


class Eager:
    """examples/passkey/evaluate.py: the same segments, only the outputs that a key needs."""
    name = "torch eager"

    def __init__(self, threads):
        import evaluate
        import haystack
        import torch
        torch.set_num_threads(threads)
        self.answer = evaluate.answer
        self.model = evaluate.load(str(EXAMPLE / "weights" / f"{RULE}.safetensors"), haystack.load("synthetic"))

    def __call__(self, path):
        """(digits, seconds)."""
        rows = np.load(path, mmap_mode="r")
        start = time.perf_counter()
        digits, _ = self.answer(self.model, rows, False, lambda done: None)
        return digits.numpy(), time.perf_counter() - start


def compare(bench):
    tokens = 65_536 if bench.quick else 1_000_000
    case = f"pass-key T{tokens}"
    if not bench.wants(case):
        return
    bench.table.heading(f"pass-key model: {KEYS} streams of {tokens} tokens, {RULE} rule, {bench.threads_spelled}")
    eager = bench.build(Eager.name, lambda: Eager(bench.threads))
    best = {"ours": math.inf} | ({eager.name: math.inf} if eager else {})
    with tempfile.TemporaryDirectory() as folder:
        path, expected = tokens_file(folder, tokens)
        for _ in range(1 if bench.quick else 2):
            digits, run = ours(path, bench.threads, folder)
            best["ours"] = min(best["ours"], run["seconds"])
            found = dict(ours=(digits == expected).all(1).sum())
            if eager:
                digits, seconds = eager(path)
                best[eager.name] = min(best[eager.name], seconds)
                found[eager.name] = (digits == expected).all(1).sum()
    for name, seconds in best.items():
        rate = KEYS * tokens / seconds
        bench.table.add(Row(case, name, seconds, None, seconds / best["ours"],
                            f"{rate:.0f} tokens/s, {found[name]} of {KEYS} keys found", dict(tokens_per_second=rate)))


def memory(bench):
    lengths = [length for length in (32_768, 1_000_000) if bench.wants(f"memory T{length}")]
    if not lengths or bench.quick:
        return
    bench.table.heading(f"peak memory of the streamed pass-key model, {KEYS} streams")
    for tokens in lengths:
        with tempfile.TemporaryDirectory() as folder:
            path, _ = tokens_file(folder, tokens)
            _, run = ours(path, bench.threads, folder)
            bench.table.add(Row(f"memory T{tokens}", "ours", run["seconds"], note=f"{run['peak_mb']:.1f} MB",
                                figures=dict(peak_mb=run["peak_mb"])))
