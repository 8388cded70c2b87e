"""What a product is, where the attribute says it [S17]: factors rounded to bf16 or f16, or not at all."""
import numpy as np
import pytest

import programs
import tolerances
from cases import Program
from checking import assert_close, assert_same_bits
from element_types import rounded
from sample import sample

OPS = [dict(op="segment_attention", rotary_style="interleaved", has_lengths=True), dict(op="segment_attention"),
       dict(op="memory_retrieve"), dict(op="memory_update", rule="linear"), dict(op="memory_update", rule="delta", has_lengths=True),
       dict(op="segment", rule="delta", rotary_style="halves")]
# Activations of f32 take any precision, others their own or ieee.
PAIRS = [("f32", "bf16"), ("f32", "f16"), ("f32", "ieee"), ("bf16", "ieee"), ("f16", "ieee")]




def inputs(program):
    """Arguments for a program, with rows of two lengths where it takes lengths."""
    return sample(program, lengths=[13, 9] if program.has_lengths else None)


def rounded_before(arguments, precision):
    """The same with activations that are of the precision already."""
    return {name: rounded(x, precision) if name in ("q", "k", "v") else x for name, x in arguments.items()}


@pytest.mark.parametrize("program", [Program(**op, dtype=dtype, precision=precision) for op in OPS for dtype, precision in PAIRS],
                         ids=lambda program: program.name)
def test_precision(program, run):
    """Within the bounds of that precision, which are not those of the type's default."""
    arguments = inputs(program)
    if program.precision != "ieee":
        arguments = rounded_before(arguments, program.precision)
    results = run(program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


@pytest.mark.parametrize("has_lengths", [False, True])
@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_factors_are_rounded(precision, has_lengths, run):
    """f32 q, k and v enter the products of attention rounded, each of them: rounding them before changes no bit."""
    program = Program("segment_attention", precision=precision, has_lengths=has_lengths)
    arguments = inputs(program)
    results = run(program, arguments)
    again = run(program, rounded_before(arguments, precision))
    for name in results:
        assert_same_bits(name, results[name], again[name])
    assert np.any(results["o"] != run(Program("segment_attention", has_lengths=has_lengths), arguments)["o"])


@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_values_enter_the_memory_rounded(precision, run):
    """v of the linear rule, and sigma(k): a key of 0.001 has sigma 1.001, which bf16 and f16 do not have."""
    program = Program("memory_update", rule="linear", precision=precision)
    arguments = inputs(program)
    arguments["k"][:] = 0.001
    arguments["memory"][:] = 0
    arguments["normalizer"][:] = 0
    results = run(program, arguments)
    sigma = np.float64(rounded(np.float32([1.001]), precision)[0])
    assert sigma != np.float32(1.001)
    # sums of 13 terms from zero, of factors that are known to the bit
    values = sigma * rounded(arguments["v"], precision).astype(np.float64)
    expected, size = (x.sum(axis=2)[:, :, None].repeat(8, axis=2) for x in (values, np.abs(values)))
    assert_close("memory", results["memory"], expected, tolerances.chain(13) * size)
    normalizer = np.full(results["normalizer"].shape, 13 * sigma)
    assert_close("normalizer", results["normalizer"], normalizer, tolerances.chain(13) * normalizer)
