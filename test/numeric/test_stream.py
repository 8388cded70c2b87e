"""Streaming [D1]-[D3]: attention_step, and functions made by infini-attn-stream, against one call over all tokens."""
import numpy as np
import pytest

import programs
from cases import OPERANDS, Program
from checking import assert_close, assert_same_bits
from sample import STEP, rows, sample, stream

TOKENS = 23
CHUNKS = dict(one_by_one=[1] * TOKENS, prompt_then_tokens=[18, 1, 1, 1, 1, 1], prompt_to_a_boundary=[10, 1, 1, 5, 5, 1],
              all_at_once=[TOKENS], with_nothing=[3, 0, 12, 0, 8])


def whole(program):
    """The same op over a whole sequence."""
    return Program("attention", rule=program.rule, dtype=program.dtype, segment_length=program.segment_length,
                   rotary_style=program.rotary_style, has_lengths=True)


def flushed(state):
    """(M, z) with the open segment committed."""
    return dict(memory=state["memory"] + state["pending_memory"], normalizer=state["normalizer"] + state["pending_normalizer"])


@pytest.mark.parametrize("sizes", CHUNKS.values(), ids=CHUNKS.keys())
@pytest.mark.parametrize("program", STEP, ids=lambda p: f"{p.rule}-{p.dtype}")
def test_d1_chunks_of_any_size(program, sizes, run):
    """[D1] A prompt, then token by token, is one call over all of them; rows stop at different places."""
    arguments = sample(program, batch=3, tokens=TOKENS, lengths=[TOKENS, 15, 8])
    results = stream(program, arguments, sizes, run)
    one_call = {name: arguments[name] for name in OPERANDS["attention"]}
    for name, (value, bound) in programs.expected(whole(program), one_call).items():
        got = results["o"] if name == "o" else flushed(results)[name]
        assert_close(name, got, value, bound + 2.0 ** -23 * np.abs(value))
    assert list(results["count"]) == [3, 0, 3]


@pytest.mark.parametrize("program", STEP[:2], ids=lambda p: f"{p.rule}-{p.dtype}")
def test_d2_one_commit_a_segment(program, run):
    """[D2] Inside a segment (M, z) keeps its bits; on its last token, and only then, what is pending goes into them."""
    arguments = sample(program, batch=1, tokens=12, lengths=[12])
    for t in range(1, 13):
        before = stream(program, arguments, [1] * (t - 1), run) if t > 1 else arguments
        after = stream(program, arguments, [1] * t, run)
        if t % 5:
            for name in ("memory", "normalizer"):
                assert_same_bits(name, after[name], before[name])
            assert after["count"] == t % 5 and np.abs(after["pending_normalizer"]).min() > 0
        else:
            assert after["count"] == 0
            for name in ("memory", "normalizer"):
                assert (after[name] != before[name]).all() and (after[f"pending_{name}"] == 0).all()


@pytest.mark.parametrize("program", STEP[:2], ids=lambda p: f"{p.rule}-{p.dtype}")
def test_d2_reads_without_writing(program, run):
    """[D2] A step whose new state is thrown away leaves the stream as it was, bit for bit."""
    arguments = sample(program, tokens=9, lengths=[9, 9])
    kept = {name: x.copy() for name, x in arguments.items()}
    one, other = run(program, arguments), run(program, arguments)
    for name in one:
        assert_same_bits(name, one[name], other[name])
    for name in arguments:
        assert_same_bits(name, arguments[name], kept[name])


@pytest.mark.parametrize("program", STEP, ids=lambda p: f"{p.rule}-{p.dtype}")
def test_d3_restored_state(program, run):
    """[D3] Saved after 7 tokens and restored, alone or in another batch, a stream goes on with the same bits."""
    arguments = sample(program, batch=2, tokens=TOKENS, lengths=[TOKENS, TOKENS])
    straight = stream(program, arguments, [7, 1, 4, 11], run)
    def tokens(part):
        return {name: arguments[name][:, :, part] for name in ("q", "k", "v")}
    first = stream(program, arguments | tokens(slice(0, 7)), [7], run)
    saved = {name: first[name].copy() for name in programs.STATE_NAMES}
    rest = arguments | tokens(slice(7, None)) | saved | dict(lengths=np.array([16, 16]))
    again = stream(program, rest, [1, 4, 11], run)
    alone = stream(program, rows(rest, slice(1, 2)), [1, 4, 11], run)
    for name in programs.STATE_NAMES:
        used = slice(None)
        if name in ("keys", "values"):
            used = slice(0, int(straight["count"][0]))
            assert_same_bits(name, straight[name][:, :, used], again[name][:, :, used])
            assert_same_bits(name, straight[name][1:, :, used], alone[name][:, :, used])
        else:
            assert_same_bits(name, straight[name], again[name])
            assert_same_bits(name, straight[name][1:], alone[name])
    assert_same_bits("o", straight["o"][:, :, 7:], again["o"])
    assert_same_bits("o", straight["o"][1:, :, 7:], alone["o"])
