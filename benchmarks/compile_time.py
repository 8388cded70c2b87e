"""How long compiling takes, and what comes out: a layer's attention, the pass-key model.

Compiling in process is the time of infini-compile less that of the same program when it only says its version.
"""
import math
import subprocess
import tempfile
import time
from pathlib import Path

from attention import title
from ours import BIN, ROOT, attention_text
from turns import Row


def seconds_of(command):
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(bench):
    programs = [(f"compile attention {title(dtype, 2048, 128)}", attention_text(dtype, 8, 2048, 128))
                for dtype in ("f32", "bf16")]
    programs.append(("compile pass-key model", (ROOT / "examples" / "passkey" / "passkey-delta.mlir").read_text()))
    programs = [program for program in programs if bench.wants(program[0])]
    if not programs:
        return
    bench.table.heading("compile: one cold compilation to an object file, without the start of the process")
    for name, text in programs:
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "module.mlir", Path(folder) / "module.o"
            source.write_text(text)
            whole = start = math.inf
            for _ in range(2 if bench.quick else bench.rounds):
                whole = min(whole, seconds_of([BIN / "infini-compile", source, "-o", made]))
                start = min(start, seconds_of([BIN / "infini-compile", "--version"]))
            size = made.stat().st_size
            bench.table.add(Row(name, "ours", whole - start, note=f"object of {size / 1024:.0f} KiB",
                                figures=dict(object_bytes=size)))
