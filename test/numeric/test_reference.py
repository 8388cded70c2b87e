"""The float64 reference against the recurrence-free forms [F2], before anything else is compared with it."""
import itertools

import numpy as np
import pytest

import closed_forms
import reference

AGREEMENT = 1e-12  # relative to the largest element
# position * frequency is exact in f32: at most 8 bits of frequency, positions below 2^10
FREQUENCIES = np.array([1.0, 0.40625, 0.1015625], np.float32)


def assert_agree(got, expected):
    for x, y in zip(got, expected, strict=True):
        assert x.shape == y.shape
        size = np.abs(y).max(initial=0)
        assert np.abs(x - y).max(initial=0) <= AGREEMENT * max(size, 1e-300)


def tensors(seed, batch, query_heads, kv_heads, tokens, width=6, value_width=5):
    """q, k, v, gate logits, and a memory that earlier tokens could have left."""
    random = np.random.default_rng(seed)
    normal = random.standard_normal
    q, k, v = (normal((batch, heads, tokens, size)) for heads, size in
               ((query_heads, width), (kv_heads, width), (kv_heads, value_width)))
    past = closed_forms.features(normal((batch, kv_heads, 9, width)))
    memory = past.swapaxes(2, 3) @ normal((batch, kv_heads, 9, value_width))
    return q, k, v, 2 * normal(query_heads), memory, past.sum(axis=2)


def some_lengths(name, batch, tokens, segment_length):
    if name == "none":
        return None
    if name == "boundary":
        return np.minimum(tokens, segment_length * (np.arange(batch) + 1))
    return np.random.default_rng(tokens).integers(0, tokens + 1, batch)


TOKENS = {4: (0, 1, 3, 4, 5, 12, 15), 7: (0, 1, 6, 7, 20, 21), 1: (0, 1, 5)}
GRID = [(rule, n, t, heads, name)
        for rule in ("linear", "delta") for n in TOKENS for t in TOKENS[n]
        for heads in ((1, 1), (4, 2), (6, 2), (3, 3)) for name in ("none", "ragged", "boundary")]


@pytest.mark.parametrize("start", ["zero", "memory"])
@pytest.mark.parametrize("style", [None, "interleaved", "halves"])
def test_attention_has_the_closed_form(start, style):
    for rule, n, t, heads, name in GRID:
        q, k, v, logit, memory, normalizer = tensors(t, 3, *heads, t)
        if start == "zero":
            memory, normalizer = 0 * memory, 0 * normalizer
        options = dict(segment_length=n, rule=rule, lengths=some_lengths(name, 3, t, n))
        if style:
            frequencies = FREQUENCIES if style == "halves" else FREQUENCIES[:2]  # the whole width, and a part of it
            options |= dict(rotary_frequencies=frequencies, rotary_style=style, scale=0.3)
        arguments = (q, k, v, logit, memory, normalizer)
        assert_agree(reference.attention(*arguments, **options), closed_forms.attention(*arguments, **options))


@pytest.mark.parametrize("rule", ["linear", "delta"])
def test_memory_scan_has_the_affine_form(rule):
    for n, t, start in itertools.product((1, 4, 7), (1, 4, 15, 21), (0, 1)):
        _, k, v, _, memory, normalizer = tensors(t, 2, 2, 2, t)
        arguments = (k, v, start * memory, start * normalizer)
        options = dict(segment_length=n, rule=rule)
        assert_agree(reference.memory_scan(*arguments, **options), closed_forms.affine_states(*arguments, **options))


@pytest.mark.parametrize("rule", ["linear", "delta"])
def test_memory_scan_ends_where_attention_does(rule):
    q, k, v, logit, memory, normalizer = tensors(3, 3, 4, 2, 15)
    options = dict(segment_length=4, rule=rule, lengths=np.array([15, 6, 0]), epsilon=0.125)
    states = reference.memory_scan(k, v, memory, normalizer, **options)
    assert_agree(states[2:], reference.attention(q, k, v, logit, memory, normalizer, **options)[1:])


@pytest.mark.parametrize("rule", ["linear", "delta"])
@pytest.mark.parametrize("style", [None, "interleaved", "halves"])
def test_stream_equals_one_call(rule, style):
    """[D1], [D2], [D3] of the reference itself: chunks of any size, rows at different places, a fork, one flush."""
    q, k, v, logit, memory, normalizer = tensors(5, 3, 4, 2, 22)
    options = dict(segment_length=5, rule=rule, epsilon=0.0)
    if style:
        options |= dict(rotary_frequencies=FREQUENCIES, rotary_style=style)
    lengths = np.array([22, 15, 8])  # inside a segment, on a boundary, inside another
    expected = reference.attention(q, k, v, logit, memory, normalizer, lengths=lengths, **options)
    stream = reference.Stream.start(memory, normalizer, **options)
    o, start = np.zeros_like(expected[0]), 0
    for size in (13, 1, 1, 5, 2):
        part = np.s_[:, :, start:start + size]
        inside = np.clip(lengths - start, 0, size)
        aside = stream.fork()
        o[part] = stream.step(q[part], k[part], v[part], logit, lengths=inside)
        assert_agree([aside.step(q[part], k[part], v[part], logit, lengths=inside)], [o[part]])
        start += size
    assert list(stream.count) == [2, 0, 3]
    stream.flush()
    stream.flush()
    assert_agree((o, stream.memory, stream.normalizer), expected)


@pytest.mark.parametrize("rule", ["linear", "delta"])
@pytest.mark.parametrize("bits", [np.nan, np.inf])
def test_padding_may_hold_any_bits(bits, rule):
    q, k, v, logit, memory, normalizer = tensors(6, 2, 4, 2, 11)
    lengths = np.array([7, 0])
    options = dict(segment_length=4, rule=rule, lengths=lengths, rotary_frequencies=FREQUENCIES)
    expected = reference.attention(q, k, v, logit, memory, normalizer, **options)
    for x in (q, k, v):
        for row, n in enumerate(lengths):
            x[row, :, n:] = bits
    with np.errstate(all="ignore"):
        assert_agree(reference.attention(q, k, v, logit, memory, normalizer, **options), expected)


def test_parts():
    """Values that can be checked by hand."""
    np.testing.assert_allclose(reference.sigma(np.array([-1.0, 0.0, 2.0])), [np.exp(-1), 1, 3], rtol=1e-15)
    np.testing.assert_allclose(reference.sigmoid(np.array([-np.inf, 0, np.log(3), np.inf])), [0, 0.5, 0.75, 1], rtol=1e-15)
    assert list(reference.key_value_heads(6, 2)) == [0, 0, 0, 1, 1, 1]
    quarter = np.float32(np.pi / 2)
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    turned = reference.rope(x, np.array([[1]]), [quarter, 0], "interleaved")
    np.testing.assert_allclose(turned.ravel(), [-2, 1, 3, 4], atol=1e-6)
    turned = reference.rope(x, np.array([[1]]), [quarter, 0], "halves")
    np.testing.assert_allclose(turned.ravel(), [-3, 2, 1, 4], atol=1e-6)
    o, log_sum_exp = reference.segment_attention(np.zeros((1, 1, 2, 1)), np.zeros((1, 1, 2, 1)), np.array([[[[1.0], [3.0]]]]))
    np.testing.assert_allclose(o.ravel(), [1, 2], rtol=1e-15)
    np.testing.assert_allclose(log_sum_exp.ravel(), [0, np.log(2)], rtol=1e-15)
    # one key of feature 2 and value 3 in memory: a read of any query is 3, with epsilon = sigma(q) z half of it
    memory, normalizer = np.full((1, 1, 1, 1), 6.0), np.full((1, 1, 1), 2.0)
    assert reference.memory_retrieve(np.ones((1, 1, 1, 1)), memory, normalizer).item() == 3
    assert reference.memory_retrieve(np.ones((1, 1, 1, 1)), memory, normalizer, epsilon=4.0).item() == 1.5
    assert reference.memory_retrieve(np.ones((1, 1, 1, 1)), 0 * memory, 0 * normalizer).item() == 0
