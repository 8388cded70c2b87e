"""The pass-key model as infini-attn-stream compiles it, against PyTorch's logits in float64 on a short stream.

passkey_logits.npz, written by passkey_logits.py, has the logits and the error of PyTorch in float32; allowed is twice that.
"""
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from checking import assert_same_bits
from compiled import infini_opt

PASSKEY = Path(__file__).resolve().parents[2] / "examples" / "passkey"
RECORDED = np.load(Path(__file__).with_name("passkey_logits.npz"))
STATE = [(4, np.float32), (3, np.float32)] * 2 + [(4, np.float32)] * 2 + [(1, np.int64)]
LAYERS = 2
LENGTH = 300
# Whole segments and parts; a commit on a chunk's last token, inside of a chunk, and by a single token.
CHUNKS = dict(at_once=[300], by_two_segments=[256, 44], across=[100, 100, 100], tokens=[255, 1, 1, 43])


class Streamed:
    """The four functions of one model, with its weights bound by name."""

    def __init__(self, rule, build):
        text = infini_opt((PASSKEY / f"passkey-{rule}.mlir").read_text(), "--infini-attn-stream")
        step = text[text.index("@lm_step("):]
        names = re.findall(r'infini_attn.name = "([^"]+)"', step[:step.index("->")])
        weights = load_file(PASSKEY / "weights" / f"{rule}.safetensors")
        self.weights = [weights[name] for name in names[1:] if not name.startswith("state.")]
        self.library = build(text)

    def init(self, batch):
        return self.library.call("lm_init", [batch], STATE * LAYERS)

    def step(self, tokens, state):
        """(logits, new state)."""
        logits, *state = self.library.call("lm_step", [tokens, *self.weights, *state], [(3, np.float32), *STATE * LAYERS])
        return logits, state

    def prefill(self, tokens, state):
        return self.library.call("lm_prefill", [tokens, *self.weights, *state], STATE * LAYERS)

    def flush(self, state):
        return self.library.call("lm_flush", state, STATE * LAYERS)


@pytest.fixture(scope="module", params=["linear", "delta"])
def model(request, build):
    return request.param, Streamed(request.param, build)


def parts(tokens, sizes):
    return np.split(tokens, np.cumsum(sizes)[:-1], axis=1)


def used(layer):
    """The state of a layer without the bits of tokens that have not come."""
    *rest, keys, values, count = layer
    return [*rest, *(x[row, :, :n] for x in (keys, values) for row, n in enumerate(count)), count]


def assert_same_state(got, expected):
    for layer in range(LAYERS):
        part = slice(layer * len(STATE), (layer + 1) * len(STATE))
        for i, (x, y) in enumerate(zip(used(got[part]), used(expected[part]), strict=True)):
            assert_same_bits(f"state {layer}.{i}", x, y)


@pytest.mark.parametrize("sizes", CHUNKS.values(), ids=CHUNKS.keys())
def test_logits(model, sizes):
    """PyTorch's logits, for every way to cut the stream into chunks [D1]."""
    rule, streamed = model
    tokens, state, logits = RECORDED[f"{rule}_tokens"], streamed.init(2), []
    for chunk in parts(tokens, sizes):
        out, state = streamed.step(chunk, state)
        logits.append(out)
    got = np.concatenate(logits, axis=1)[:, RECORDED["positions"]]
    error = np.abs(got - RECORDED[f"{rule}_logits"]).max()
    assert error <= 2 * RECORDED[f"{rule}_peer_error"]


@pytest.mark.parametrize("sizes", CHUNKS.values(), ids=CHUNKS.keys())
def test_prefill(model, sizes):
    """A prefill leaves the state that steps leave, bit for bit."""
    rule, streamed = model
    tokens, stepped, filled = RECORDED[f"{rule}_tokens"], streamed.init(2), streamed.init(2)
    for chunk in parts(tokens, sizes):
        stepped = streamed.step(chunk, stepped)[1]
        filled = streamed.prefill(chunk, filled)
    assert_same_state(filled, stepped)


def test_flush(model):
    """A flush commits what is pending where tokens are open, and a second one changes nothing [S13], [D2]."""
    rule, streamed = model
    state = streamed.prefill(RECORDED[f"{rule}_tokens"], streamed.init(2))
    flushed = streamed.flush(state)
    for first in (0, len(STATE)):
        assert list(state[first + 6]) == [LENGTH % 128] * 2 and not flushed[first + 6].any()
        for total in (first, first + 1):
            assert_same_bits("committed", flushed[total], state[total] + state[total + 2])
            assert not flushed[total + 2].any() and state[total + 2].any()
    assert_same_state(streamed.flush(flushed), flushed)


def test_rows(model):
    """A row's logits have the same bits alone and in a batch with others that stand elsewhere [S16]."""
    rule, streamed = model
    tokens = RECORDED[f"{rule}_tokens"]
    first = streamed.prefill(tokens[:1, :70], streamed.init(1))
    both = [np.concatenate([x, y]) for x, y in zip(first, streamed.init(1))]
    together, _ = streamed.step(np.concatenate([tokens[:1, 70:270], tokens[1:, :200]]), both)
    alone, _ = streamed.step(tokens[:1, 70:270], first)
    other, _ = streamed.step(tokens[1:, :200], streamed.init(1))
    assert_same_bits("row 0", together[:1], alone)
    assert_same_bits("row 1", together[1:], other)
