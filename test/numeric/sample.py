"""Inputs for the tests that are not on the grid: one shape, all that an op may ask for."""
import numpy as np

from cases import OPERANDS, Program, initial_memory
from element_types import rounded
from programs import STATE_NAMES


def sample(program, *, batch=2, heads=(4, 2), tokens=13, widths=(8, 6), lengths=None, memory="memory", seed=0, gate=None,
           frequencies=None):
    """Arguments by name for a program, rounded to its type; `memory` as in the grid; arrays may be changed by the caller."""
    random = np.random.default_rng(seed)
    (query_heads, kv_heads), (width, value_width) = heads, widths

    def activation(count, size):
        return rounded(random.standard_normal((batch, count, tokens, size)).astype(np.float32), program.dtype)
    q, k, v = activation(query_heads, width), activation(kv_heads, width), activation(kv_heads, value_width)
    logits = random.standard_normal(query_heads) if gate is None else np.full(query_heads, gate)
    state = initial_memory(memory, random, batch, kv_heads, width, value_width)
    if frequencies is None:
        frequencies = (100.0 ** (-np.arange(width // 2) / (width // 2))).astype(np.float32)
    arguments = dict(q=q, k=k, v=v, a_mem=activation(query_heads, value_width), a_dot=activation(query_heads, value_width),
                     gate=logits.astype(np.float32), memory=state[0], normalizer=state[1],
                     lengths=None if lengths is None else np.array(lengths),
                     rotary_frequencies=frequencies if program.rotary_style else None)
    if program.op == "attention_step":
        arguments |= fresh_stream(program, state[0].shape)
    return {name: arguments[name] for name in OPERANDS[program.op] if arguments.get(name) is not None}


def fresh_stream(program, shape):
    """The state of a stream before its first token, but for (M, z): zeros. shape: that of M."""
    batch, kv_heads, width, value_width = shape
    def zeros(*sizes):
        return np.zeros(sizes, np.float32)
    return dict(pending_memory=zeros(*shape), pending_normalizer=zeros(*shape[:3]),
                keys=zeros(batch, kv_heads, program.segment_length, width),
                values=zeros(batch, kv_heads, program.segment_length, value_width), count=np.zeros(batch, np.int64))


def stream(program, arguments, sizes, run):
    """Takes the tokens of `arguments` in chunks of these sizes: o of all of them, and the last state, by name.

    lengths count tokens of the whole: each chunk gets its part.
    """
    tokens = {name: arguments[name] for name in ("q", "k", "v")}
    state, o, start = dict(arguments), [], 0
    for size in sizes:
        state |= {name: x[:, :, start:start + size] for name, x in tokens.items()}
        if "lengths" in arguments:
            state["lengths"] = np.clip(arguments["lengths"] - start, 0, size)
        results = run(program, state)
        o.append(results.pop("o"))
        state |= results
        start += size
    return dict(o=np.concatenate(o, axis=2)) | {name: state[name] for name in STATE_NAMES}


def rows(arguments, index):
    """The arguments of some rows of the batch (a slice)."""
    return {name: x if name in ("gate", "rotary_frequencies") else x[index] for name, x in arguments.items()}


def programs_of(op):
    """A program of every type, and of either rule."""
    return [Program(op, rule=rule, dtype=dtype, segment_length=5, rotary_style="halves", has_lengths=True)
            for rule, dtype in (("delta", "f32"), ("linear", "bf16"), ("delta", "f16"))]


ATTENTION, STEP = programs_of("attention"), programs_of("attention_step")
