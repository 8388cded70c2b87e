"""Implementations that take turns, and the rows that come of it."""
import json
import math
import re
import time
from dataclasses import asdict, dataclass, field

import numpy as np

# Relative rms of the difference from PyTorch's result, above which one is called wrong: 8 units in the last place of 16-bit
# types, and 2^8 of f32, whose sums have that many terms.
DIFFERENCE = dict(f32=3e-5, bf16=3e-2, f16=4e-3)


@dataclass
class Row:
    """One line of the table. seconds and the like: None where they mean nothing. figures: more numbers, for --json."""
    case: str
    impl: str
    seconds: float | None = None
    share_of_peak: float | None = None
    ratio_to_ours: float | None = None
    note: str = ""
    figures: dict = field(default_factory=dict)


class Table:
    """Prints rows as they come, and keeps them."""

    def __init__(self):
        self.rows = []

    def heading(self, text):
        print(f"\n{text}\n{'case':<33} {'':<24} {'ms':>10} {'of peak':>8} {'to ours':>8}", flush=True)

    def add(self, row):
        milliseconds = "" if row.seconds is None else f"{row.seconds * 1e3:.{1 if row.seconds > 1e-2 else 4}f}"
        share = "" if row.share_of_peak is None else f"{row.share_of_peak:.1%}"
        ratio = "" if row.ratio_to_ours is None else f"{row.ratio_to_ours:.2f}x"
        print(f"{row.case:<33} {row.impl:<24} {milliseconds:>10} {share:>8} {ratio:>8}  {row.note}".rstrip(), flush=True)
        self.rows.append(row)

    def say(self, text):
        print(text, flush=True)

    def write(self, file):
        file.write(json.dumps(dict(rows=[asdict(row) for row in self.rows]), indent=1) + "\n")


@dataclass
class Bench:
    """What every part of the benchmark is given."""
    machine: object
    table: Table
    threads: int
    rounds: int
    quick: bool
    cases: re.Pattern
    peers: re.Pattern
    skipped: set = field(default_factory=set)

    @property
    def threads_spelled(self):
        return spelled(self.threads)

    def wants(self, case):
        return bool(self.cases.search(case))

    def build(self, name, make):
        """make(), or None after one line that says why not: a peer that is missing is no failure."""
        if name in self.skipped or not self.peers.search(name):
            return None
        try:
            return make()
        except ImportError as error:
            self.skipped.add(name)  # once is enough
            self.table.say(f"{name}: skipped, {error}")
        except Exception as error:  # whatever goes wrong in a peer's compiler
            self.table.say(f"{name}: skipped, {first_line(error)}")
        return None

    def contest(self, case, dtype, runs, work=None, kind=None, count_work=lambda name: True):
        """Times runs ({name: callable that gives seconds}) in turn with the peak, and adds their rows; {name: seconds}.

        work: operations; kind: the peak they are a share of (default: that of dtype). count_work: whether the operations of
        the implementation of that name are these.
        """
        kind = kind or self.machine.kind_of(dtype)
        best = take_turns(runs, self.rounds, 1.0 if self.quick else 15.0, [lambda: self.machine.measure(kind, self.threads)])
        peak = self.machine.peak(kind, self.threads) * 1e9
        for name, seconds in best.items():
            share = work / seconds / peak if work and peak and count_work(name) else None
            self.table.add(Row(case, name, seconds, share, seconds / best["ours"]))
        return best


def spelled(count):
    return f"{count} thread{'s' if count > 1 else ''}"


def first_line(error):
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:160]


def take_turns(runs, rounds, allowance, between=()):
    """The least seconds of each run. One that has used up its allowance of seconds sits out, after at least one turn."""
    best, used = dict.fromkeys(runs, math.inf), dict.fromkeys(runs, 0.0)
    for _ in range(rounds):
        for measure in between:
            measure()
        for name, run in runs.items():
            if used[name] >= allowance:
                continue
            time.sleep(0.03)  # threads of the one before that still spin let go of the cores
            seconds = run()
            best[name] = min(best[name], seconds)
            used[name] += seconds
    return best


def repeated(run, least=0.02):
    """A run that calls another until `least` seconds have passed, for calls of microseconds: the least seconds of one."""
    def many():
        best, end = math.inf, time.perf_counter() + least
        while time.perf_counter() < end:
            best = min(best, run())
        return best
    return many


def difference(result, expected):
    """Root mean square of result - expected, relative to expected's."""
    error = np.subtract(result, expected, dtype=np.float32)
    return float(np.sqrt(np.mean(np.square(error), dtype=np.float64) / np.mean(np.square(expected), dtype=np.float64)))


def check(name, result, expected, dtype):
    """Raises ValueError where a result is not PyTorch's up to the rounding of its type."""
    error = difference(result, expected)
    if not error <= DIFFERENCE[dtype]:
        raise ValueError(f"{name}: expected a result within {DIFFERENCE[dtype]:.0e} of PyTorch's, relative rms, got {error:.1e}")
