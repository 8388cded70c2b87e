"""Passes between infini_attn operations: what they make computes the same, to the bit where [S16] asks for it."""
import pytest

import programs
import tolerances
from cases import Program
from checking import assert_close, assert_same_bits
from compiled import infini_opt
from conftest import call
from sample import ATTENTION, sample

SCHEDULES = ("sequential", "two-phase")


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("program", ATTENTION, ids=lambda p: f"{p.rule}-{p.dtype}")
def test_segment_sequence(program, schedule, run, build):
    """Either schedule gives the bits that the compiler's own choice gives, whatever the lengths."""
    text = infini_opt(programs.text(program), f"--infini-attn-segment-sequence=schedule={schedule}")
    assert "infini_attn.attention" not in text and ("scf.forall" in text) == (schedule == "two-phase")
    library = build(text)
    for tokens, lengths in ((23, [23, 14, 3]), (15, [15, 15, 10]), (4, [4, 0, 2]), (0, [0, 0, 0])):
        arguments = sample(program, batch=3, tokens=tokens, lengths=lengths)
        expected, results = run(program, arguments), call(library, program, arguments)
        for name in expected:
            assert_same_bits(name, expected[name], results[name])


def parts(rule, dtype):
    """A segment in its four operations, under the name of the program that is one operation."""
    fused = Program("segment", rule=rule, dtype=dtype)
    activation, memory, normalizer = f"tensor<?x?x?x?x{dtype}>", "tensor<?x?x?x?xf32>", "tensor<?x?x?xf32>"
    gate = "tensor<?xf32>"
    # Sizes are known to nobody, so that only keys cut to the number of queries are provably as many.
    return fused, f"""
func.func @{fused.name}(%q: {activation}, %keys: {activation}, %v: {activation}, %gate: {gate}, %memory: {memory},
    %normalizer: {normalizer}) -> ({activation}, {memory}, {normalizer}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %rows = tensor.dim %keys, %c0 : {activation}
  %heads = tensor.dim %keys, %c1 : {activation}
  %tokens = tensor.dim %q, %c2 : {activation}
  %width = tensor.dim %keys, %c3 : {activation}
  %k = tensor.extract_slice %keys[0, 0, 0, 0] [%rows, %heads, %tokens, %width] [1, 1, 1, 1] : {activation} to {activation}
  %dot = infini_attn.segment_attention %q, %k, %v : {activation}, {activation}, {activation} -> {activation}
  %mem = infini_attn.memory_retrieve %q, %memory, %normalizer : {activation}, {memory}, {normalizer} -> {activation}
  %o = infini_attn.gate %mem, %dot, %gate : {activation}, {activation}, {gate} -> {activation}
  %m, %z = infini_attn.memory_update %k, %v outs(%memory, %normalizer : {memory}, {normalizer})
    {{rule = #infini_attn.update_rule<{rule}>}} : {activation}, {activation} -> {memory}, {normalizer}
  return %o, %m, %z : {activation}, {memory}, {normalizer}
}}
"""


@pytest.mark.parametrize("rule, dtype", [("linear", "bf16"), ("delta", "f32")])
def test_fuse_segment(rule, dtype, run, build):
    """Four operations fused are the operation `segment`, to the bit; unfused, o is as far from float64 as the gate of an a_mem
    and an a_dot that are within their own bounds, which are those of stored results."""
    program, text = parts(rule, dtype)
    fused = infini_opt(text, "--infini-attn-fuse-segment")
    assert "infini_attn.segment " in fused and "memory_retrieve" not in fused
    arguments = sample(program)
    one, apart, together = run(program, arguments), call(build(text), program, arguments), call(build(fused), program, arguments)
    def part(op, names):
        return programs.expected(Program(op, dtype=dtype), {name: arguments[name] for name in names})["o"]
    (a_mem, a_mem_error), (a_dot, a_dot_error) = part("memory_retrieve", ("q", "memory", "normalizer")), part(
        "segment_attention", ("q", "k", "v"))
    mixed = tolerances.gate(a_mem, a_dot, arguments["gate"], a_mem_error=a_mem_error, a_dot_error=a_dot_error)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_same_bits(name, one[name], together[name])
        assert_close(name, apart[name], value, tolerances.stored(value, mixed, dtype) if name == "o" else bound)
