"""Every op, compiled for the CPU, against float64 over the grid of cases.py."""
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import programs
from cases import FULL, OPS, VALUES, grid, inputs
from checking import assert_close

PEER = json.loads(Path(__file__).with_name("peer_errors.json").read_text())["cases"]
CASES = [case for op in OPS for case in grid(op)]


@pytest.mark.compiled
@pytest.mark.parametrize("case", [pytest.param(case, marks=getattr(pytest.mark, case.program.op), id=case.name)
                                  for case in CASES])
def test_op(case, run):
    results = run(case.program, inputs(case))
    for name, (value, bound) in programs.expected_of_case(case).items():
        peer, *_ = PEER.get(case.name, {}).get(name, [0])
        assert_close(name, results[name], value, np.maximum(bound, 2 * peer))


@pytest.mark.parametrize("op", OPS)
def test_grid_is_complete(op):
    """Every pair of values is there, and every combination of rule, type, tokens and lengths."""
    compiled, varying = OPS[op]
    rows = [dict(case.row) for case in grid(op)]
    for one, other in combinations(compiled + varying, 2):
        have = {(row[one], row[other]) for row in rows}
        assert have == {(x, y) for x in VALUES[one] for y in VALUES[other]}, (one, other)
    full = [factor for factor in FULL if factor in compiled + varying]
    assert len({tuple(row[f] for f in full) for row in rows}) == np.prod([len(VALUES[f]) for f in full])


@pytest.mark.parametrize("op", [op for op in OPS if op != "attention_step"])
def test_bounds_hold_for_pytorch(op):
    """An implementation that shares nothing with this one lies within the bounds: they are not too narrow to be right.

    Of each result the element that came nearest to its bound is recorded; it must lie within the bound that it has today.
    """
    for case in grid(op):
        for name, (value, bound) in programs.expected_of_case(case).items():
            _, *nearest = PEER[case.name][name]
            assert bool(nearest) == (value.size > 0), (case.name, name)
            if nearest:
                element, error = nearest
                assert error <= np.broadcast_to(bound, value.shape).flat[element], (case.name, name, element)


@pytest.mark.parametrize("dtype, most", [("f32", 2e-4), ("bf16", 0.1), ("f16", 0.0125)])
def test_bounds_are_narrow(dtype, most):
    """No bound is wider than this share of the largest value of its result (at least 1), in any case of the grid."""
    for case in CASES:
        if case.program.dtype == dtype:
            for name, (value, bound) in programs.expected_of_case(case).items():
                size = np.abs(value).max(initial=1, where=np.isfinite(value))
                assert bound.max(initial=0, where=np.isfinite(bound)) <= most * size, (case.name, name)
