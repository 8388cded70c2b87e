"""The mistakes that real implementations made [F6]: for each, inputs on which it shows, and compiled code that does not make it.

Each test computes the wrong result too, and asks that it lie far from what is accepted, so that the test can fail.
"""
import numpy as np
import pytest

import programs
import reference
from cases import Program
from checking import assert_close, assert_same_bits
from sample import sample, stream

RULES = ("linear", "delta")
N = 4


def attention(rule, **attributes):
    return Program("attention", rule=rule, segment_length=N, **attributes)


def assert_right_not_wrong(program, arguments, results, wrong):
    """Results agree with the reference; each array of `wrong` (by result name) does not, by 100 bounds at least."""
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)
        if name in wrong:
            assert (np.abs(wrong[name] - value) > 100 * bound + 1e-3).any(), f"{name}: the mistake would not be seen"


def exact(arguments):
    return {name: x if x.dtype == np.int64 or name == "rotary_frequencies" else x.astype(np.float64)
            for name, x in arguments.items()}


def wrong_attention(program, arguments, segment):
    """`attention` with another function in place of reference.segment."""
    given = exact(arguments)
    lengths, frequencies = given.pop("lengths", None), given.pop("rotary_frequencies", None)
    q, k, v, gate, memory, normalizer = given.values()
    o = np.zeros((*q.shape[:3], v.shape[3]))
    for part, inside in reference.segments(q.shape[2], N, lengths):
        o[:, :, part], memory, normalizer = segment(q[:, :, part], k[:, :, part], v[:, :, part], gate, memory, normalizer,
                                                    program.rule, inside, frequencies)
    return dict(o=o, memory=memory, normalizer=normalizer)


@pytest.mark.parametrize("rule", RULES)
def test_head_map_is_division(rule, run):
    """h % Hkv instead of h // (Hq / Hkv) [S12]."""
    program = attention(rule)
    arguments = sample(program, heads=(6, 2))
    by_remainder = {name: x[:, np.arange(6) % 2] if name in ("k", "v", "memory", "normalizer") else x
                    for name, x in exact(arguments).items()}
    wrong = programs.call(reference, program, by_remainder)[0]
    assert_right_not_wrong(program, arguments, run(program, arguments), dict(o=wrong))


@pytest.mark.parametrize("rule", RULES)
def test_read_comes_before_update(rule, run):
    """Update before read [S8]."""
    def segment(q, k, v, gate, memory, normalizer, rule, *_):
        after = reference.memory_update(k, v, memory, normalizer, rule=rule)
        a_dot, _ = reference.segment_attention(q, k, v)
        return reference.gate(reference.memory_retrieve(q, *after), a_dot, gate), *after
    program = attention(rule)
    arguments = sample(program)
    wrong = wrong_attention(program, arguments, segment)
    assert_right_not_wrong(program, arguments, run(program, arguments), dict(o=wrong["o"]))


def test_delta_reads_at_the_keys(run):
    """The delta rule's read at the queries [S6]."""
    def segment(q, k, v, gate, memory, normalizer, rule, *_):
        o, _, z = reference.segment(q, k, v, gate, memory, normalizer, rule=rule)
        read = reference.memory_retrieve(q, memory, normalizer)
        return o, memory + reference.sigma(k).swapaxes(2, 3) @ (v - read), z
    program = attention("delta")
    arguments = sample(program, heads=(2, 2))
    wrong = wrong_attention(program, arguments, segment)
    assert_right_not_wrong(program, arguments, run(program, arguments), dict(o=wrong["o"], memory=wrong["memory"]))


@pytest.mark.parametrize("rule, style", [("linear", "interleaved"), ("delta", "halves")])
def test_memory_sees_unrotated_keys_and_queries(rule, style, run):
    """Rotary embedding before the memory [S11]."""
    def segment(q, k, v, gate, memory, normalizer, rule, lengths, frequencies):
        position = np.broadcast_to(np.arange(q.shape[2]), q.shape[:3:2])
        q, k = (reference.rope(x, position, frequencies, style) for x in (q, k))
        return reference.segment(q, k, v, gate, memory, normalizer, rule=rule)
    program = attention(rule, rotary_style=style)
    arguments = sample(program)
    wrong = wrong_attention(program, arguments, segment)
    assert_right_not_wrong(program, arguments, run(program, arguments), wrong)


@pytest.mark.parametrize("rule", RULES)
def test_padding_is_masked(rule, run):
    """Zero padding that reaches the memory, because sigma(0) = 1, or the softmax [S14]."""
    def segment(q, k, v, gate, memory, normalizer, rule, *_):
        return reference.segment(q, k, v, gate, memory, normalizer, rule=rule)
    program = attention(rule, has_lengths=True)
    arguments = sample(program, lengths=[6, 9])
    for row, n in enumerate(arguments["lengths"]):
        for name in ("q", "k", "v"):
            arguments[name][row, :, n:] = 0
    wrong = wrong_attention(program, arguments, segment)
    del wrong["memory"]  # linear: a v of 0 adds nothing to M
    assert_right_not_wrong(program, arguments, run(program, arguments), wrong)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("tokens", [2 * N, 2 * N + 3])
def test_last_segment_is_committed_once(rule, tokens, run):
    """The last segment committed twice [S13], whole or not."""
    program = attention(rule)
    arguments = sample(program, tokens=tokens)
    given = exact(arguments)
    _, memory, normalizer = programs.call(reference, program, given)
    last = slice((tokens - 1) // N * N, tokens)
    twice = reference.memory_update(given["k"][:, :, last], given["v"][:, :, last], memory, normalizer, rule=rule)
    assert_right_not_wrong(program, arguments, run(program, arguments), dict(memory=twice[0], normalizer=twice[1]))


def step(rule):
    return Program("attention_step", rule=rule, segment_length=N)


@pytest.mark.parametrize("rule", RULES)
def test_decode_commits_once_a_segment(rule, run):
    """Decode that commits on every token [D2]."""
    program = step(rule)
    arguments = sample(program, tokens=2 * N + 2)
    wrong = reference.Stream.start(*(arguments[x] for x in ("memory", "normalizer")), segment_length=N, rule=rule)
    o = np.zeros_like(arguments["q"][..., :6], np.float64)
    for t in range(2 * N + 2):
        part = np.s_[:, :, t:t + 1]
        o[part] = wrong.step(arguments["q"][part], arguments["k"][part], arguments["v"][part], arguments["gate"])
        wrong.memory, wrong.normalizer = wrong.memory + wrong.pending_memory, wrong.normalizer + wrong.pending_normalizer
        wrong.pending_memory[:], wrong.pending_normalizer[:] = 0, 0
    results = stream(program, arguments, [1] * (2 * N + 2), run)
    # one step over all tokens is what many steps over one token must give
    assert_right_not_wrong(program, arguments, results, dict(o=o, memory=wrong.memory, normalizer=wrong.normalizer))


@pytest.mark.parametrize("rule", RULES)
def test_whole_prompt_reaches_the_memory(rule, run):
    """A prompt longer than a segment whose earlier part never reaches the memory [D1]."""
    program = step(rule)
    arguments = sample(program, tokens=3 * N + 2)
    only_last = {name: x[:, :, 2 * N:] if name in ("q", "k", "v") else x for name, x in exact(arguments).items()}
    wrong = dict(zip(("memory", "normalizer"), programs.call(reference, program, only_last)[1:3]))
    assert_right_not_wrong(program, arguments, run(program, arguments), wrong)


def test_reading_without_writing(build, run):
    """Reading switched off together with writing [D2]: where only o is returned, it is the same o."""
    program = attention("delta")
    arguments = sample(program)
    text = programs.text(program)
    only_o = text.replace("return %r#0, %r#1, %r#2 :", "return %r#0 :")
    kept = "tensor<?x?x?x?xf32>"
    only_o = only_o.replace(f" -> ({kept}, {kept}, tensor<?x?x?xf32>) {{", f" -> ({kept}) {{")
    only_o = only_o.replace(f"return %r#0 : {kept}, {kept}, tensor<?x?x?xf32>", f"return %r#0 : {kept}")
    library = build(only_o)
    o, = library.call(program.name, [arguments[name] for name in programs.operands(program)], [(4, "float32")])
    assert_same_bits("o", o, run(program, arguments)["o"])
    a_dot, _ = reference.segment_attention(*(exact(arguments)[name][:, :, :N] for name in ("q", "k", "v")))
    weight = reference.sigmoid(-exact(arguments)["gate"])[:, None, None]
    assert np.abs(o[:, :, :N] - weight * a_dot).max() > 0.1  # what no read would give


def test_epsilon_is_not_rounded_to_f16(run):
    """An epsilon that is 0 in f16 [S9]: here it halves the read."""
    epsilon = 2.0 ** -30
    program = Program("memory_retrieve", dtype="f16", epsilon=epsilon)
    arguments = sample(program, widths=(1, 1), heads=(1, 1))
    arguments["q"][:] = 0  # sigma = 1
    arguments["memory"][:], arguments["normalizer"][:] = 2 * epsilon, epsilon
    o = run(program, arguments)["o"]
    assert (o == 1).all(), f"expected 1 (2 without epsilon), got {o.ravel()[0]}"


def test_transpose_keeps_causality(run):
    """`view` in place of a transpose, which mixes tokens: later tokens must not move earlier outputs."""
    program = attention("delta")
    arguments = sample(program)
    later = {name: x.copy() for name, x in arguments.items()}
    for name in ("q", "k", "v"):
        later[name][:, :, 7:] += 1
    one, other = run(program, arguments)["o"], run(program, later)["o"]
    assert_same_bits("o", one[:, :, :7], other[:, :, :7])
    assert (one[:, :, 7:] != other[:, :, 7:]).any(axis=3).all()


def test_low_gate_is_not_zero(run):
    """A gate logit so low that its sigmoid is dropped: sigmoid(-20) of a large read still counts, to f32's last places."""
    program = Program("gate")
    arguments = sample(program, gate=-20.0)
    arguments["a_mem"][:], arguments["a_dot"][:] = 1e9, 0
    expected = np.full(arguments["a_mem"].shape, 1e9 / (1 + np.exp(20.0)))
    assert_close("o", run(program, arguments)["o"], expected, 1e-6 * expected)
