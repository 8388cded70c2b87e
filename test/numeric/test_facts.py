"""The facts F1-F5 of the specification, checked on compiled code."""
import numpy as np
import pytest

import closed_forms
import programs
import reference
from cases import Program
from checking import assert_close
from sample import sample

RULES = ("linear", "delta")
LOOK_BACK = 100.0  # a gate logit that leaves the memory alone
# At most 8 bits each, so that every angle, position * frequency, is exact in f32, and an offset of positions is one of angles.
EXACT_FREQUENCIES = np.array([1.0, 0.40625, 0.1015625, 0.025390625], np.float32)


def attention(rule):
    return Program("attention", rule=rule, segment_length=4)


def bound_of(program, arguments):
    """The bounds of programs.expected, for comparing with a closed form instead of the reference."""
    return {name: bound for name, (_, bound) in programs.expected(program, arguments).items()}


@pytest.mark.parametrize("rule", RULES)
def test_f1_constant_values(rule, run):
    """[F1] Same K in every segment, V = v: linear reads v; delta reads v in segment 2, then v/2 for ever."""
    program = attention(rule)
    arguments = sample(program, tokens=24, memory="zero", gate=LOOK_BACK)
    arguments["k"] = np.tile(arguments["k"][:, :, :4], (1, 1, 6, 1))
    arguments["v"][:] = v = np.float32(1.5)
    o = run(program, arguments)["o"]
    expected = np.full(o.shape, v)
    expected[:, :, :4] = 0
    if rule == "delta":
        expected[:, :, 8:] = v / 2
    assert_close("o", o, expected, bound_of(program, arguments)["o"])


@pytest.mark.parametrize("rule", RULES)
def test_f2_no_recurrence(rule, run):
    """[F2] P(Q) V and P(Q) (I + P(K))^-1 V, from a zero memory, the last segment a partial one."""
    program = attention(rule)
    arguments = sample(program, tokens=19, memory="zero")
    q, k, v, gate, memory, normalizer = (x.astype(np.float64) for x in arguments.values())
    closed = closed_forms.attention(q, k, v, gate, memory, normalizer, segment_length=4, rule=rule)
    bounds, results = bound_of(program, arguments), run(program, arguments)
    for name, value in zip(("o", "memory", "normalizer"), closed, strict=True):
        assert_close(name, results[name], value, bounds[name])


def test_f3_normalizer_is_a_fixed_direction(run):
    """[F3] G_s z = dz: where M is z in every column and V is 0, delta subtracts exactly what z gains."""
    program = Program("memory_update", rule="delta")
    arguments = sample(program)
    arguments["v"][:] = 0
    z = arguments["normalizer"]
    arguments["memory"] = np.repeat(z[..., None], arguments["memory"].shape[3], axis=3)
    results, bounds = run(program, arguments), bound_of(program, arguments)
    gained = results["normalizer"].astype(np.float64) - z
    expected = np.repeat((z - gained)[..., None], results["memory"].shape[3], axis=3)
    assert_close("memory", results["memory"], expected, bounds["memory"] + bounds["normalizer"][..., None])


def test_f3_steady_growth_expands_nothing(run):
    """[F3] V = 0, so M_s = A_s M_{s-1}: no column of M grows where max(dz/z) <= 2; after a z near 0 one does."""
    program = Program("memory_scan", rule="delta", segment_length=4)
    arguments = sample(program, tokens=24)
    arguments["v"][:] = 0
    arguments["normalizer"][0] *= 1e-3
    results, bounds = run(program, arguments), bound_of(program, arguments)
    def states(of, before, last):
        return np.concatenate([of[before], of[last][:, :, None]], axis=2)
    z, memory, error = (states(results, "normalizers", "normalizer"), states(results, "memories", "memory"),
                        states(bounds, "memories", "memory"))
    health = (np.diff(z, axis=2) / z[:, :, :-1]).max(axis=3)
    size, slack = (np.linalg.norm(x.astype(np.float64), axis=3) for x in (memory, error))
    grown = size[:, :, 1:] - size[:, :, :-1] > slack[:, :, 1:] + slack[:, :, :-1]
    assert (health[1] <= 2).all() and (health[0, :, 0] > 100).all()
    assert not grown[health <= 2].any() and grown[0, :, 0].any()


def test_f3_long_segment_after_one_token(run):
    """[F3] A first segment of one token, then one of 13 with the same keys: dz/z = 13, and the read is near mean(V) - v_1."""
    program = Program("attention", rule="delta", segment_length=13)
    arguments = sample(program, tokens=26, gate=LOOK_BACK)
    arguments["k"][:] = 1  # sigma is 2
    first = np.float32([1, -2, 3, 0.5, 8, -4])
    arguments["memory"][:], arguments["normalizer"][:] = 2 * first, 2
    later = arguments["v"][:, :, :13].astype(np.float64)
    expected = (first + (later - first).sum(axis=2)) / 14  # mean(V) - v_1, but for 14 in place of 13 and v_1 once
    expected = expected[:, reference.key_value_heads(4, 2), None].repeat(13, axis=2)
    o = run(program, arguments)["o"][:, :, 13:]
    assert_close("o", o, expected, bound_of(program, arguments)["o"][:, :, 13:])


@pytest.mark.parametrize("rule", RULES)
def test_f4_reads_are_bounded(rule, run):
    """[F4] From a zero memory |A_mem| <= earlier segments * max|V|; linear: in the convex hull of V from segment 2 on."""
    program = attention(rule)
    arguments = sample(program, tokens=24, heads=(2, 1), memory="zero", gate=LOOK_BACK)
    o, slack = run(program, arguments)["o"], bound_of(program, arguments)["o"]
    v = arguments["v"]
    earlier = (np.arange(24) // 4)[None, None, :, None]
    assert (np.abs(o) <= earlier * np.abs(v).max(axis=(2, 3), keepdims=True) + slack).all()
    if rule == "linear":
        for s in range(1, 6):
            now, past = slice(4 * s, 4 * s + 4), v[:, :, :4 * s]
            assert (o[:, :, now] <= past.max(axis=2, keepdims=True) + slack[:, :, now]).all()
            assert (o[:, :, now] >= past.min(axis=2, keepdims=True) - slack[:, :, now]).all()


@pytest.mark.parametrize("style", ["interleaved", "halves"])
def test_f5_offset_of_positions(style, run):
    """[F5] A constant offset of all positions, here 11 put in beforehand, is not seen.

    Both results lie within their bounds of what their inputs give. The inputs differ by the roundings of the shifted q and k to
    f32: by 2 W of a score's size, less than the first of the bounds allows a score for what computing it costs.
    """
    program = Program("segment_attention", rotary_style=style)
    arguments = sample(program, frequencies=EXACT_FREQUENCIES)
    shifted = dict(arguments)
    for name in ("q", "k"):
        shifted[name] = reference.rope(arguments[name].astype(np.float64), np.full((2, 13), 11),
                                       arguments["rotary_frequencies"], style).astype(np.float32)
    one, other = run(program, arguments), run(program, shifted)
    bounds, shifted_bounds = bound_of(program, arguments), bound_of(program, shifted)
    for name in one:
        assert_close(name, other[name], one[name], 2 * bounds[name] + shifted_bounds[name])
    assert np.abs(run(program, shifted | dict(k=arguments["k"]))["o"] - one["o"]).max() > 1e-2
