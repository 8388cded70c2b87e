#!/usr/bin/env python3
"""Speed of a whole Infini-attention on the CPU, beside PyTorch's and the peak of the core, all measured in this run.

  cpu.py                 every case with 8 heads and 32,768 tokens, delta rule
  cpu.py --quick         2 heads and 8,192 tokens, within 60 s
  cpu.py --json FILE     also writes the rows: {case, impl, seconds, share_of_peak, ratio_to_ours}

Implementations take turns, so that what else the machine does meets all of them; a row is the least of its rounds. For quiet
figures: chrt -f 1 taskset -c 0 python benchmarks/cpu.py --threads=1. PyTorch is optional (pip install torch==2.13.0).

`share of peak` is the work of the algorithm over the time, as a share of what one multiply-add after another reaches on as many
threads: f32 against the FMA units, bf16 against AMX where there is one, else against the dot instruction. The work is
  B H (T ((N + 1) 2 d + 2 d^2) + (T - N) 2 d^2 (1 + delta)) operations:
the causal half of attention, the update, and the reads of all segments but the first.
"""
import argparse
import ctypes
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
import compiled  # noqa: E402  (the calling convention of compiled code)
from element_types import encode  # noqa: E402

CASES = [("f32", 2048, 128), ("f32", 512, 128), ("f32", 2048, 64), ("bf16", 2048, 128), ("bf16", 512, 128), ("bf16", 2048, 64)]


def cpu_flags():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


class Peak:
    """peak.c, built for this CPU: GFLOP/s of one thread by type."""

    def __init__(self, folder):
        flags = cpu_flags()
        wanted = {"avx2": ["-mavx2", "-mfma"], "avx512f": ["-mavx512f"], "avx512_bf16": ["-mavx512bf16"],
                  "amx_bf16": ["-mamx-tile", "-mamx-bf16"]}
        options = [option for flag, given in wanted.items() if flag in flags for option in given]
        library = Path(folder) / "peak.so"
        subprocess.run([compiled.LLVM / "clang", "-O2", "-shared", "-fPIC", "-mprefer-vector-width=512", *options,
                        Path(__file__).with_name("peak.c"), "-o", library], check=True)
        library = ctypes.CDLL(str(library))
        names = dict(f32="peak_f32", bf16="peak_amx" if "amx_bf16" in flags else "peak_dot")
        self.functions = {}
        for dtype, name in names.items():
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = ctypes.c_double
                self.functions[dtype] = function
        self.best = dict.fromkeys(self.functions, 0.0)

    def measure(self, dtype):
        if dtype in self.functions:
            self.best[dtype] = max(self.best[dtype], self.functions[dtype]())


def module(dtype, heads, segment_length, width):
    activation, memory = f"tensor<1x{heads}x?x{width}x{dtype}>", f"tensor<1x{heads}x{width}x{width}xf32>"
    normalizer = f"tensor<1x{heads}x{width}xf32>"
    return f"""func.func @attention(%q: {activation}, %k: {activation}, %v: {activation}, %gate: tensor<{heads}xf32>) -> {activation} {{
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %tokens = tensor.dim %q, %c2 : {activation}
  %o = tensor.empty(%tokens) : {activation}
  %m = tensor.splat %zero : {memory}
  %z = tensor.splat %zero : {normalizer}
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : {activation}, {memory}, {normalizer})
    {{segment_length = {segment_length}, rule = #infini_attn.update_rule<delta>}}
    : {activation}, {activation}, {activation}, tensor<{heads}xf32> -> {activation}, {memory}, {normalizer}
  return %r#0 : {activation}
}}
"""


class Ours:
    """One compiled attention; calls are timed without the copy of the result that a test would take."""

    def __init__(self, dtype, heads, segment_length, width, inputs, threads):
        self.library = compiled.compile_library(module(dtype, heads, segment_length, width))
        self.arrays = [encode(x, dtype).reshape(x.shape) if x.ndim == 4 else x for x in inputs]
        self.arguments = [ctypes.byref(compiled.as_descriptor(x)) for x in self.arrays]
        self.result = compiled.descriptor(4)()
        self.function = self.library.library._mlir_ciface_attention
        compiled.Library.set_threads(threads)

    def __call__(self):
        start = time.perf_counter()
        self.function(ctypes.byref(self.result), *self.arguments)
        seconds = time.perf_counter() - start
        error = self.library.last_error()
        if error:
            raise RuntimeError(error.decode())
        compiled.free(self.result.allocated)
        return seconds


class Torch:
    """Eager PyTorch, as strong as it can be written: its fused attention inside a segment, the memory in f32."""

    def __init__(self, dtype, heads, segment_length, width, inputs, threads):
        import torch
        self.torch, self.segment_length = torch, segment_length
        torch.set_num_threads(threads)
        kind = dict(f32=torch.float32, bf16=torch.bfloat16)[dtype]
        self.q, self.k, self.v = (torch.from_numpy(x).to(kind) for x in inputs[:3])
        self.weight = torch.from_numpy(inputs[3]).sigmoid()[None, :, None, None].to(kind)
        self.zeros = torch.zeros(1, heads, width, width), torch.zeros(1, heads, width, 1)

    def attention(self):
        torch, outputs = self.torch, []
        attend = torch.nn.functional.scaled_dot_product_attention
        elu = torch.nn.functional.elu
        memory, normalizer = self.zeros
        for start in range(0, self.q.shape[2], self.segment_length):
            q, k, v = (x[:, :, start:start + self.segment_length] for x in (self.q, self.k, self.v))
            local = attend(q, k, v, is_causal=True)
            features = elu(k) + 1
            if start == 0:
                outputs.append((1 - self.weight) * local)
                update = v
            else:
                m, z = memory.to(q.dtype), normalizer.to(q.dtype)
                queries = elu(q) + 1
                outputs.append(self.weight * (queries @ m / (queries @ z)) + (1 - self.weight) * local)
                update = v - features @ m / (features @ z)
            memory = memory + (features.mT @ update).float()
            normalizer = normalizer + features.float().sum(2)[..., None]
        return torch.cat(outputs, 2)

    def __call__(self):
        with self.torch.inference_mode():
            start = time.perf_counter()
            self.attention()
            return time.perf_counter() - start


class FullAttention(Torch):
    """Causal attention over all tokens at once: what Infini-attention replaces."""

    def attention(self):
        return self.torch.nn.functional.scaled_dot_product_attention(self.q, self.k, self.v, is_causal=True)


def operations(heads, tokens, segment_length, width):
    n, d = segment_length, width
    return heads * (tokens * ((n + 1) * 2 * d + 2 * d * d) + (tokens - n) * 2 * d * d * 2)


def measure(case, heads, tokens, rounds, peak, arguments):
    """The rows of one case: ours, and the peers that are there."""
    dtype, segment_length, width = case
    random = np.random.default_rng(0)
    inputs = [random.standard_normal((1, heads, tokens, width), np.float32) for _ in range(3)] + [np.zeros(heads, np.float32)]
    implementations = dict(ours=Ours(dtype, heads, segment_length, width, inputs, arguments.threads))
    if importlib.util.find_spec("torch"):
        implementations["torch eager"] = Torch(dtype, heads, segment_length, width, inputs, arguments.threads)
        if arguments.full_attention:
            implementations["torch full attention"] = FullAttention(dtype, heads, segment_length, width, inputs, arguments.threads)
    best = dict.fromkeys(implementations, math.inf)
    for _ in range(rounds):
        peak.measure(dtype)
        for name, run in implementations.items():
            time.sleep(0.03)  # spinning threads of the one before let go of the cores
            best[name] = min(best[name], run())
    ceiling = peak.best.get(dtype, 0) * arguments.threads
    work = operations(heads, tokens, segment_length, width) * 1e-9
    return [dict(case=f"{dtype} N{segment_length} d{width}", impl=name, seconds=seconds,
                 share_of_peak=work / seconds / ceiling if ceiling and "full" not in name else None,
                 ratio_to_ours=seconds / best["ours"]) for name, seconds in best.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 heads and 8,192 tokens")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of every implementation (default: all cores)")
    parser.add_argument("--rounds", type=int, default=5, help="turns that each implementation takes (default: 5)")
    parser.add_argument("--full-attention", action="store_true", help="also attention over all tokens at once (slow)")
    parser.add_argument("--json", metavar="FILE", type=argparse.FileType("w"), help="file for the rows")
    arguments = parser.parse_args()
    heads, tokens = (2, 8192) if arguments.quick else (8, 32768)
    if not importlib.util.find_spec("torch"):
        print("torch is not installed: no peers (pip install torch==2.13.0)", file=sys.stderr)

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        peak = Peak(folder)
        print(f"{heads} heads, {tokens} tokens, delta rule, {arguments.threads} threads; "
              + " ".join(sorted(cpu_flags() & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"})))
        print(f"{'case':<16} {'':<22} {'ms':>9} {'of peak':>8} {'to ours':>8}", flush=True)
        for case in CASES:
            for row in measure(case, heads, tokens, arguments.rounds, peak, arguments):
                share = "" if row["share_of_peak"] is None else f"{row['share_of_peak']:.1%}"
                print(f"{row['case']:<16} {row['impl']:<22} {row['seconds'] * 1e3:>9.1f} {share:>8} {row['ratio_to_ours']:>7.2f}x",
                      flush=True)
                rows.append(row)
        print("peak of a thread, GFLOP/s: " + ", ".join(f"{dtype} {best:.0f}" for dtype, best in peak.best.items()))
    if arguments.json:
        with arguments.json as output:  # opened before the work that it is for
            output.write(json.dumps(dict(rows=rows), indent=1) + "\n")


if __name__ == "__main__":
    main()
