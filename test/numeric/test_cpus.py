"""Code for older CPUs of this instruction set computes the same: what they lack is done otherwise, and links."""
import platform

import pytest

import conftest
import programs
from cases import OPS, grid, inputs
from checking import assert_close

CPUS = ["x86-64", "x86-64-v3"] if platform.machine() == "x86_64" else []
CASES = [next(case for case in grid(op) if case.program.dtype == "bf16" and case.tokens not in ("0", "1")) for op in OPS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.program.op)
@pytest.mark.parametrize("cpu", CPUS)
def test_older_cpu(cpu, case, build):
    library = build(programs.text(case.program), f"--mcpu={cpu}")
    results = conftest.call(library, case.program, inputs(case))
    for name, (value, bound) in programs.expected_of_case(case).items():
        assert_close(name, results[name], value, bound)
