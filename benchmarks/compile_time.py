"""How long compiling takes, and what comes out: a layer's attention, the pass-key model.

A process that compiles and calls (infini-run) says how long it took from reading the text to linked code, its first compilation.
"""
import math
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from attention import title
from ours import BIN, ROOT, attention_text
from turns import Row

PASSKEY = ROOT / "examples" / "passkey"


def run(cores, tool, *arguments):
    """What it prints, on so many cores."""
    def limit():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    command = [str(part) for part in (BIN / tool, *arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=limit).stdout


def attention(dtype, folder):
    """(text, arguments of infini-run) for one token."""
    for name in "qkv":
        np.save(folder / f"{name}.npy", np.ones((1, 8, 1, 128), np.float32))
    np.save(folder / "gate.npy", np.zeros(8, np.float32))
    options = [] if dtype == "f32" else [f"--dtype={dtype}"]
    return attention_text(dtype, 8, 2048, 128), options + [f"--input={folder / name}.npy" for name in ("q", "k", "v", "gate")]


def passkey(folder):
    np.save(folder / "tokens.npy", np.zeros((1, 1), np.int32))
    return (PASSKEY / "passkey-delta.mlir").read_text(), [
        f"--weights={PASSKEY / 'weights' / 'delta.safetensors'}", f"--input=tokens={folder / 'tokens.npy'}"]


def measure(bench):
    programs = [(f"compile attention {title(dtype, 2048, 128)}", lambda folder, dtype=dtype: attention(dtype, folder))
                for dtype in ("f32", "bf16")] + [("compile pass-key model", passkey)]
    programs = [program for program in programs if bench.wants(program[0])]
    if not programs:
        return
    bench.table.heading(f"compile: the first compilation of a process, from text to linked code, {bench.threads_spelled}")
    for name, make in programs:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            text, arguments = make(folder)
            source, made = folder / "module.mlir", folder / "module.o"
            source.write_text(text)
            best = math.inf
            for _ in range(2 if bench.quick else bench.rounds):
                said = run(bench.threads, "infini-run", source, "--repeat=2", *arguments)
                best = min(best, float(re.search(r"compiled in ([0-9.]+) ms", said)[1]) * 1e-3)
            run(bench.threads, "infini-compile", source, "-o", made)
            size = made.stat().st_size
            bench.table.add(Row(name, "ours", best, note=f"object of {size / 1024:.0f} KiB", figures=dict(object_bytes=size)))
