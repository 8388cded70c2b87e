"""Sizes that only run time knows: where operands disagree the call says so, and no tile is read outside of its tensor."""
import numpy as np
import pytest

from cases import Program
from compiled import CheckFailed
from sample import ATTENTION, STEP, sample

PROGRAMS = [ATTENTION[0], STEP[0], Program("segment", rule="delta"),
            Program("segment_attention"), Program("memory_retrieve"), Program("memory_update", rule="linear"),
            Program("gate"), Program("memory_scan", rule="linear", segment_length=5)]


# Sizes that no other operand of the op has.
FREE = {("segment_attention", "q", 2), ("segment_attention", "v", 3), ("memory_retrieve", "q", 2), ("memory_retrieve", "memory", 3)}


def other_sizes(op, name, x):
    """(axis, size) that do not go with the other operands. Rotary frequencies may be fewer; a segment's length is in the type."""
    for axis, size in enumerate(x.shape):
        if name == "rotary_frequencies" or (name in ("keys", "values") and axis == 2):
            continue
        if (op, name, axis) not in FREE:
            yield axis, size - 1
        if x.ndim > 2 and axis in (1, 3):
            yield axis, 0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.op)
def test_operands_disagree(program, run):
    """Each operand in turn has one element less in one dimension, or none in a dimension of heads or widths."""
    arguments = sample(program, lengths=[13, 7] if program.has_lengths else None)
    run(program, arguments)
    tried = 0
    for name, x in arguments.items():
        for axis, size in other_sizes(program.op, name, x):
            other = np.ascontiguousarray(x.take(range(size), axis))
            with pytest.raises(CheckFailed, match="expected .* (to be|>= 1)"):
                run(program, arguments | {name: other})
            tried += 1
    assert tried >= 7


def test_no_heads(run):
    """Without key/value heads nothing is divided by their number."""
    program = Program("segment_attention")
    arguments = sample(program)
    with pytest.raises(CheckFailed, match="expected Hkv of k >= 1"):
        run(program, arguments | {name: arguments[name][:, :0].copy() for name in ("k", "v")})
