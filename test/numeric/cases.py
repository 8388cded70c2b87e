"""The grid of the numeric suite: which cases there are, and the inputs of each, reproducible from its name alone.

A case is an op, attributes that are compiled in, and shapes and data. The attributes of an op are few (one compiled function
each, with dynamic sizes), so that a function is run over many shapes.
"""
from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from zlib import crc32

import numpy as np

from pairwise import cover
from element_types import rounded
from reference import memory_update, rope, sigma

VALUES = dict(
    rule=("linear", "delta"),
    dtype=("f32", "bf16", "f16"),
    segment_length=(1, 5, 16, 37),
    scale=(None, 0.4),
    epsilon=(0.0, 0.25),
    rotary=("none", "interleaved", "interleaved-part", "halves", "halves-part"),
    lengths=("none", "full", "ragged", "boundary", "empty-row"),
    tokens=("0", "1", "N-1", "N", "3N", "2N+r"),
    batch=(1, 3),
    heads=((1, 1), (4, 2), (6, 2), (3, 3)),
    widths=((8, 8), (16, 8), (4, 12), (5, 3), (64, 64)),
    start=("zero", "memory", "mixed"),
    gate=("local", "memory", "infinite", "zero", "logits"),
    query_offset=("none", "last", "inside", "beyond"),
    keys_rotated=(False, True),
    reads=(False, True),
    count=("zero", "inside", "last", "mixed"),
)
OPS = dict(  # compiled in; then what varies from run to run
    attention=(("rule", "dtype", "segment_length", "scale", "epsilon", "rotary", "lengths"),
               ("tokens", "batch", "heads", "widths", "start", "gate")),
    segment=(("rule", "dtype", "scale", "epsilon", "rotary", "lengths"),
             ("tokens", "batch", "heads", "widths", "start", "gate")),
    segment_attention=(("dtype", "scale", "rotary", "lengths", "query_offset", "keys_rotated"),
                       ("tokens", "batch", "heads", "widths")),
    memory_retrieve=(("dtype", "epsilon", "lengths"), ("tokens", "batch", "heads", "widths", "start")),
    memory_update=(("rule", "dtype", "epsilon", "lengths", "reads"), ("tokens", "batch", "heads", "widths", "start")),
    gate=(("dtype",), ("tokens", "batch", "heads", "widths", "gate")),
    memory_scan=(("rule", "dtype", "segment_length", "epsilon", "lengths"),
                 ("tokens", "batch", "heads", "widths", "start")),
    attention_step=(("rule", "dtype", "segment_length", "scale", "epsilon", "rotary", "lengths"),
                    ("tokens", "batch", "heads", "widths", "start", "gate", "count")),
)
SEGMENT = 16  # N of the ops of one segment, whose tokens are a segment's
FULL = ("rule", "dtype", "tokens", "lengths")  # every combination of these is run


@dataclass(frozen=True)
class Program:
    """What is compiled in. None or a default where the op has no such attribute."""
    op: str
    rule: str | None = None
    dtype: str = "f32"
    segment_length: int | None = None
    scale: float | None = None
    epsilon: float = 0.0
    rotary_style: str | None = None
    has_lengths: bool = False
    has_offset: bool = False
    keys_rotated: bool = False
    reads: bool = False
    precision: str | None = None

    @property
    def name(self):
        """An MLIR symbol, unique to the program."""
        parts = [f"{f.name}_{getattr(self, f.name)}" for f in fields(self)[1:] if getattr(self, f.name) != f.default]
        return "__".join([self.op, *parts]).replace(".", "p").replace("-", "m")


@dataclass(frozen=True)
class Case:
    """One run of a program: the row of the grid that it belongs to."""
    program: Program
    row: tuple

    @property
    def name(self):
        return self.program.op + "/" + ",".join(f"{factor}={short(value)}" for factor, value in self.row)

    def __getattr__(self, factor):
        for name, value in self.row:
            if name == factor:
                return value
        raise AttributeError(factor)

    @property
    def shape(self):
        """B, Hq, Hkv, T, Dk, Dv."""
        n = self.program.segment_length or SEGMENT
        tokens = {"0": 0, "1": 1, "N-1": n - 1, "N": n, "3N": 3 * n, "2N+r": 2 * n + (n + 1) // 2}[self.tokens]
        return self.batch, *self.heads, tokens, *self.widths


def short(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def program_of(op, row):
    """The program that runs a row."""
    rotary = row.get("rotary", "none")
    return Program(op, rule=row.get("rule"), dtype=row["dtype"], segment_length=row.get("segment_length"),
                   scale=row.get("scale"), epsilon=row.get("epsilon", 0.0),
                   rotary_style=None if rotary == "none" else rotary.split("-")[0],
                   has_lengths=row.get("lengths", "none") != "none", has_offset=row.get("query_offset") in ("inside", "beyond"),
                   keys_rotated=row.get("keys_rotated", False), reads=row.get("reads", False))


@cache
def grid(op):
    """The cases of an op: every pair of values, every combination of FULL, over as few programs as cover all pairs."""
    compiled, varying = OPS[op]
    # A program does not see which lengths or how many frequencies: choose programs by presence and style first.
    seen = dict(VALUES, lengths=("none", "given"), rotary=("none", "interleaved", "halves"), query_offset=("none", "given"))
    programs = cover([[{f: x} for x in seen[f]] for f in compiled],
                     full=[f for f in ("rule", "dtype", "lengths") if f in compiled])
    options = [dict(p, **dict(zip(kinds, chosen))) for p in programs
               for kinds in [[f for f in ("lengths", "rotary", "query_offset") if f in p]]
               for chosen in product(*(kinds_of(f, p[f]) for f in kinds))]
    rows = cover([options] + [[{f: x} for x in VALUES[f]] for f in varying],
                 full=[f for f in FULL if f in compiled + varying], hiding=lambda row: hiding(op, row))
    return [Case(program_of(op, row), tuple((f, row[f]) for f in compiled + varying)) for row in rows]


def hiding(op, row):
    """The sets of (factor, value) for which a row has no result to compare, or only zeros."""
    groups = [dict(tokens="0"), dict(tokens="N-1", segment_length=1), dict(lengths="empty-row", batch=1)]
    if op == "memory_retrieve":
        groups.append(dict(start="zero"))
    return [frozenset(group.items()) for group in groups if group.items() <= row.items()]


def kinds_of(factor, presence):
    """The values of a factor that a program with this presence (or style) can run."""
    if presence == "given":
        return [x for x in VALUES[factor] if x not in ("none", "last")]
    if factor == "query_offset":
        return ["none", "last"]
    return [x for x in VALUES[factor] if x.split("-")[0] == presence]


# --- inputs -------------------------------------------------------------------------------------------------------------

def inputs(case):
    """Arguments by name, in the order of the op's operands; activations rounded to the case's type and held in float32."""
    batch, query_heads, kv_heads, tokens, width, value_width = case.shape
    random = np.random.default_rng(crc32(case.name.encode()))
    def activation(*shape):
        return rounded(random.standard_normal(shape).astype(np.float32), case.program.dtype)
    q = activation(batch, query_heads, tokens, width)
    k = activation(batch, kv_heads, tokens, width)
    v = activation(batch, kv_heads, tokens, value_width)
    a_mem = activation(batch, query_heads, tokens, value_width)
    a_dot = activation(batch, query_heads, tokens, value_width)
    memory, normalizer = initial_memory(getattr(case, "start", "zero"), random, batch, kv_heads, width, value_width)
    arguments = dict(
        q=q, k=k, v=v, a_mem=a_mem, a_dot=a_dot, gate=gate_logits(getattr(case, "gate", "zero"), random, query_heads),
        query_offset=None, lengths=some_lengths(getattr(case, "lengths", "none"), random, case),
        rotary_frequencies=frequencies(getattr(case, "rotary", "none"), width),
        read_memory=None, read_normalizer=None, memory=memory, normalizer=normalizer)
    if getattr(case, "query_offset", "none") != "none":
        arguments["q"], arguments["query_offset"] = some_queries(case, random, q)
    if case.program.reads:
        arguments["read_memory"], arguments["read_normalizer"] = memory, normalizer
        arguments["memory"], arguments["normalizer"] = initial_memory("memory", random, batch, kv_heads, width, value_width)
    if case.program.op == "attention_step":
        arguments |= open_segment(case, random, memory, normalizer, arguments["rotary_frequencies"])
    return {name: arguments[name] for name in OPERANDS[case.program.op] if arguments[name] is not None}


OPERANDS = dict(
    attention=("q", "k", "v", "gate", "lengths", "rotary_frequencies", "memory", "normalizer"),
    segment=("q", "k", "v", "gate", "lengths", "rotary_frequencies", "memory", "normalizer"),
    segment_attention=("q", "k", "v", "query_offset", "lengths", "rotary_frequencies"),
    memory_retrieve=("q", "memory", "normalizer", "lengths"),
    memory_update=("k", "v", "lengths", "read_memory", "read_normalizer", "memory", "normalizer"),
    gate=("a_mem", "a_dot", "gate"),
    memory_scan=("k", "v", "memory", "normalizer", "lengths"),
    attention_step=("q", "k", "v", "gate", "lengths", "rotary_frequencies", "memory", "normalizer", "pending_memory",
                    "pending_normalizer", "keys", "values", "count"),
)


def initial_memory(kind, random, batch, kv_heads, width, value_width):
    """What nine earlier tokens left, or nothing; mixed: nothing in rows 1, 3, ..."""
    features = sigma(random.standard_normal((batch, kv_heads, 9, width)))
    memory = features.swapaxes(2, 3) @ random.standard_normal((batch, kv_heads, 9, value_width))
    normalizer = features.sum(axis=2)
    empty = {"zero": slice(None), "memory": slice(0), "mixed": slice(1, None, 2)}[kind]
    memory[empty], normalizer[empty] = 0, 0
    return memory.astype(np.float32), normalizer.astype(np.float32)


def gate_logits(kind, random, heads):
    extreme = np.inf * (-1.0) ** np.arange(heads)
    logits = {"local": np.full(heads, -100.0), "memory": np.full(heads, 100.0), "infinite": extreme, "zero": np.zeros(heads),
              "logits": 2 * random.standard_normal(heads)}[kind]
    return logits.astype(np.float32)


def some_lengths(kind, random, case):
    batch, _, _, tokens, _, _ = case.shape
    n = case.program.segment_length or SEGMENT
    ragged = random.integers(min(1, tokens), tokens + 1, batch)
    return {"none": None, "full": np.full(batch, tokens), "ragged": ragged,
            "boundary": np.minimum(tokens, n * (np.arange(batch) + 1)),
            "empty-row": np.where(np.arange(batch) == 0, 0, ragged)}[kind]


def frequencies(kind, width):
    """The usual base of 10,000 over the whole width or a part of it."""
    if kind == "none":
        return None
    pairs = max(1, width // 4) if kind.endswith("part") else width // 2
    return (10000.0 ** (-np.arange(pairs) / pairs)).astype(np.float32)


def open_segment(case, random, memory, normalizer, rotary_frequencies):
    """The state of a stream in the middle of a segment, as if count[b] tokens had come; NaN where none has yet."""
    batch, _, kv_heads, _, width, value_width = case.shape
    n, program = case.program.segment_length, case.program
    count = {"zero": np.zeros(batch, np.int64), "inside": np.full(batch, n // 2), "last": np.full(batch, n - 1),
             "mixed": random.integers(0, n, batch)}[case.count]
    k = rounded(random.standard_normal((batch, kv_heads, n, width)).astype(np.float32), program.dtype)
    v = rounded(random.standard_normal((batch, kv_heads, n, value_width)).astype(np.float32), program.dtype)
    pending = memory_update(k, v, 0 * memory, 0 * normalizer, rule=program.rule, lengths=count, epsilon=program.epsilon,
                            read_memory=memory, read_normalizer=normalizer)
    position = np.broadcast_to(np.arange(n), (batch, n))
    keys = rounded(rope(k, position, rotary_frequencies, program.rotary_style).astype(np.float32), program.dtype)
    unused = (position >= count[:, None])[:, None, :, None]
    return dict(pending_memory=pending[0].astype(np.float32), pending_normalizer=pending[1].astype(np.float32),
                keys=np.where(unused, np.float32(np.nan), keys), values=np.where(unused, np.float32(np.nan), v), count=count)


def some_queries(case, random, q):
    """About half the queries, and where they stand: at the end without an operand, anywhere among the keys, also past them."""
    tokens = q.shape[2]
    q = q[:, :, :max(tokens // 2, min(tokens, 1))]
    last = tokens if case.query_offset == "beyond" else tokens - q.shape[2]
    return q, None if case.query_offset == "last" else random.integers(0, last + 1, len(q))
