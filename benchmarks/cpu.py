#!/usr/bin/env python3
"""The speed of compiled Infini-attention on this CPU, beside its peers and what the machine can do, all measured in one run.

  cpu.py                 everything, 8 heads and 32,768 tokens, delta rule; about half an hour
  cpu.py --quick         2 heads and 8,192 tokens, without torch.compile and IREE, within 60 s
  cpu.py --cases REGEX   only the rows whose first column matches, such as 'attention bf16' or decode
  cpu.py --json FILE     also writes the rows: {case, impl, seconds, share_of_peak, ratio_to_ours, note, figures}
  cpu.py --plot FOLDER   draws share-of-peak.svg and full-attention.svg instead (needs matplotlib)

README.md tells what the columns mean.
"""
import argparse
import datetime
import importlib.metadata
import importlib.util
import os
import re
import shlex
import subprocess
import sys

import accuracy
import attention
import compile_time
import decode
import layer
import passkey
from machine import Machine
from ours import Refused
from turns import Bench, Row, Table, spelled

PARTS = [attention.compare, attention.forced, attention.scaling, attention.linearity, decode.compare, layer.compare,
         passkey.compare, passkey.memory, compile_time.measure, accuracy.measure]
PACKAGES = ["torch", "infini-transformer-pytorch", "iree-base-compiler"]


def version(package):
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {package}"


def show_machine(bench):
    """What the machine did at most in this run, and how fast it reads."""
    bench.table.heading("the machine")
    for kind in bench.machine.kinds():
        bench.machine.measure(kind, bench.threads)
    for (kind, count), rate in sorted(bench.machine.best.items()):
        bench.table.add(Row(f"peak {kind}", spelled(count), note=f"{rate:.0f} GFLOP/s", figures=dict(gigaflops=rate)))
    for level, size in bench.machine.levels(bench.threads).items():
        rate = max(bench.machine.bandwidth(size, bench.threads) for _ in range(3))
        bench.table.add(Row(f"reading {level}", bench.threads_spelled, note=f"{rate:.0f} GB/s from {size >> 10} KiB",
                            figures=dict(gigabytes_per_second=rate, bytes=size)))


def positive(text):
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return int(text)


def pattern(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"expected a regular expression, got {text!r}: {error}") from error


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 heads and 8,192 tokens, within 60 s")
    parser.add_argument("--threads", type=positive, default=len(os.sched_getaffinity(0)),
                        help="threads of every implementation (default: all cores)")
    parser.add_argument("--rounds", type=positive, help="turns that each implementation takes (default: 7, quick: 4)")
    parser.add_argument("--cases", type=pattern, default="", metavar="REGEX", help="only rows whose case matches")
    parser.add_argument("--peers", type=pattern, default="", metavar="REGEX", help="only peers whose name matches")
    parser.add_argument("--json", metavar="FILE", type=argparse.FileType("w"), help="file for the rows")
    parser.add_argument("--plot", metavar="FOLDER", help="draw the plots there instead")
    arguments = parser.parse_args()
    if arguments.plot and not importlib.util.find_spec("matplotlib"):
        parser.error("--plot needs matplotlib (pip install matplotlib)")

    bench = Bench(Machine(), Table(), arguments.threads, arguments.rounds or (4 if arguments.quick else 7), arguments.quick,
                  arguments.cases, arguments.peers)
    print(f"# benchmarks/cpu.py {shlex.join(sys.argv[1:])}".rstrip())
    print(f"# {datetime.date.today()}; {', '.join(map(version, PACKAGES))}")
    print(f"# {bench.machine.description()}; {os.cpu_count()} cores")
    if arguments.plot:
        import plots
        plots.draw(bench, arguments.plot)
    else:
        for part in PARTS:
            part(bench)
        show_machine(bench)
    if arguments.json:
        with arguments.json as file:  # opened before the work that it is for
            bench.table.write(file)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, ValueError, OSError, Refused, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
