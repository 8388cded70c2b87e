"""Every op by infini-attn-to-linalg-pipeline (plain loops, for any target) against float64 over the grid of cases.py.

The way that a target without code of its own takes; it shares the equations with the CPU pipeline and none of its tiles.
"""
import numpy as np
import pytest

import programs
from cases import OPS, grid, inputs
from checking import assert_close
from compiled import compile_plainly
from conftest import call


@pytest.fixture(scope="module")
def library():
    known = {}

    def library(op):
        if op not in known:
            known[op] = compile_plainly("".join(map(programs.text, dict.fromkeys(case.program for case in grid(op)))))
        return known[op]
    return library


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for op in OPS for case in grid(op)])
def test_op(case, library):
    results = call(library(case.program.op), case.program, inputs(case))
    for name, (value, bound) in programs.expected_of_case(case).items():
        assert_close(name, results[name], value, bound)
