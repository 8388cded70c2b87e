"""Code for AArch64 computes the same: NEON, and where there are any its products of bf16. Run by QEMU, where there is one."""
import pytest

import conftest
import foreign
import programs
from cases import Program
from checking import assert_close
from sample import sample
from test_forms import with_widths

FEATURES = {"neon": [], "neon-bf16": ["--mattr=+bf16"]}
PROGRAMS = [Program("attention", rule="delta", dtype="bf16", segment_length=170, has_lengths=True),
            Program("attention", rule="linear", dtype="bf16", segment_length=131, rotary_style="interleaved"),
            Program("segment", rule="delta", dtype="f32", has_lengths=True)]


@pytest.mark.skipif(foreign.MISSING is not None, reason=str(foreign.MISSING))
@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.op}-{p.rule}-{p.dtype}")
@pytest.mark.parametrize("tokens, widths, is_static", [(200, (64, 64), True), (129, (40, 72), False)])
def test_neon(tokens, widths, is_static, program, features, tmp_path):
    arguments = sample(program, batch=2, tokens=tokens, lengths=[tokens, tokens - 20] if program.has_lengths else None, widths=widths)
    text = programs.text(program)
    if is_static and program.dtype == "bf16" and not program.rotary_style:
        text = with_widths(text, widths[0])
    results = conftest.call(foreign.Library(text, FEATURES[features], tmp_path), program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)
