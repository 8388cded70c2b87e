"""Sizes beyond one tile: several blocks of queries (48) and keys (128), partial ones, and columns of every remainder."""
import numpy as np
import pytest

import programs
from cases import Program
from checking import assert_close, assert_same_bits
from sample import sample

SEQUENCES = [Program("attention", rule="delta", dtype="f32", segment_length=300, has_lengths=True),
             Program("attention", rule="linear", dtype="bf16", segment_length=300, rotary_style="halves", has_lengths=True),
             Program("attention", rule="delta", dtype="f16", segment_length=131, rotary_style="interleaved", has_lengths=True)]
SEGMENTS = [Program("segment", rule="delta", dtype="f32", rotary_style="interleaved"),
            Program("segment_attention", dtype="f32", has_lengths=True),
            Program("memory_update", rule="delta", dtype="f32", has_lengths=True)]


def check(program, arguments, run):
    results = run(program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


@pytest.mark.parametrize("program", SEQUENCES, ids=lambda p: f"{p.rule}-{p.dtype}")
@pytest.mark.parametrize("tokens, lengths", [(700, [700, 433]), (301, [129, 0])])
def test_sequence(program, tokens, lengths, run):
    """Segments of several blocks, the last one partial, rows that end inside of a block."""
    check(program, sample(program, batch=2, tokens=tokens, lengths=lengths, widths=(16, 20)), run)


@pytest.mark.parametrize("program", SEGMENTS, ids=lambda p: p.op)
@pytest.mark.parametrize("tokens", [47, 48, 49, 128, 129, 177])
def test_segment(program, tokens, run):
    """One token less and more than a block of queries, of keys, and of both."""
    lengths = [tokens, tokens // 2] if program.has_lengths else None
    check(program, sample(program, batch=2, tokens=tokens, lengths=lengths, widths=(40, 56)), run)


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("scale", [0.5, -0.5])
@pytest.mark.parametrize("first, growth", [(0, 4), (200, -4), (-600, 2), (300, 0)])
def test_large_scores(first, growth, scale, dtype, run):
    """Powers of the scores that no f32 holds: relative to the largest that the query sees, not to a later one."""
    program = Program("segment", rule="linear", dtype=dtype, scale=scale)
    arguments = sample(program, batch=1, tokens=300, lengths=None, widths=(16, 20))
    arguments["q"], arguments["k"] = arguments["q"].copy(), arguments["k"].copy()
    arguments["q"][..., 0], arguments["k"][..., 0] = 2 * np.sign(scale), first / 2 + growth / 2 * np.arange(300)
    check(program, arguments, run)


@pytest.mark.parametrize("program", SEQUENCES, ids=lambda p: f"{p.rule}-{p.dtype}")
@pytest.mark.parametrize("batch, heads", [(1, (1, 1)), (1, (4, 2)), (3, (1, 1))])
def test_threads(program, batch, heads, run, threads):
    """[S16] Fewer heads than threads, as many, and a number that leaves some over: the threads go to blocks of queries and the
    update, and the bits stay."""
    arguments = sample(program, batch=batch, heads=heads, tokens=700, lengths=[700, 433, 300][:batch], widths=(16, 20))
    run(program, arguments)  # loads it
    results = {}
    for count in (1, 2, 3, 7):
        with threads(count):
            results[count] = run(program, arguments)
        for name in results[1]:
            assert_same_bits(name, results[1][name], results[count][name])
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[2][name], value, bound)
