"""Rules of the specification that no tolerance can show: empty memory, padding, long sums, the same bits."""
import numpy as np
import pytest

import programs
import reference
from cases import Program
from checking import assert_close, assert_same_bits
from compiled import CheckFailed
from sample import ATTENTION, STEP, rows, sample

DTYPES = ("f32", "bf16", "f16")
GARBAGE = (np.nan, np.inf, -np.inf, 3e38)
ALL = ATTENTION + STEP
PADDED = ALL + [Program("segment", rule="delta", dtype="bf16", rotary_style="interleaved", has_lengths=True),
                Program("segment_attention", dtype="f16", rotary_style="halves", has_lengths=True),
                Program("memory_retrieve", has_lengths=True),
                Program("memory_update", rule="linear", has_lengths=True),
                Program("memory_update", rule="delta", dtype="bf16", has_lengths=True),
                Program("memory_scan", rule="delta", segment_length=5, has_lengths=True)]


def name_of(program):
    return program.name


def poison(arguments, lengths):
    """The arguments with every token past its row's length overwritten by bits of all kinds."""
    random = np.random.default_rng(1)
    poisoned = {name: x.copy() for name, x in arguments.items()}
    for name in ("q", "k", "v"):
        for row, n in enumerate(lengths):
            if name in poisoned:
                padding = poisoned[name][row, :, n:]
                padding[:] = random.choice(np.array(GARBAGE, np.float32), padding.shape)
    return poisoned


# --- [S9]: an empty memory ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("program", ATTENTION, ids=name_of)
def test_s9_first_segment(program, run):
    """A first segment gives (1 - sigmoid(gate)) A_dot: a read of 0, still gated, and no NaN."""
    arguments = sample(program, memory="zero", tokens=5, lengths=[5, 5])
    exact = {name: x.astype(np.float64) for name, x in arguments.items()}
    a_dot, _ = reference.segment_attention(exact["q"], exact["k"], exact["v"], rotary_style=program.rotary_style,
                                           rotary_frequencies=arguments["rotary_frequencies"])
    expected = reference.sigmoid(-exact["gate"])[:, None, None] * a_dot
    bound = programs.expected(program, arguments)["o"][1]
    assert_close("o", run(program, arguments)["o"], expected, bound)


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_s9_read_of_nothing_is_zero(dtype, epsilon, run):
    """memory_retrieve from zeros gives exactly 0, beside rows whose memory is not empty, also where M is not 0."""
    program = Program("memory_retrieve", dtype=dtype, epsilon=epsilon)
    arguments = sample(program, memory="mixed")
    o = run(program, arguments)["o"]
    assert (o[1] == 0).all() and (o[0] != 0).any()
    arguments["memory"][1] = 1
    assert (run(program, arguments)["o"][1] == 0).all()


# --- [S14]: padding may hold any bits -----------------------------------------------------------------------------------

@pytest.mark.parametrize("program", PADDED, ids=name_of)
def test_s14_padding(program, run):
    """Bits of padding change no bit of any result, and the output there is 0."""
    lengths = [0, 6, 13]
    arguments = sample(program, batch=3, lengths=lengths)
    clean, poisoned = run(program, arguments), run(program, poison(arguments, lengths))
    for name in clean:
        assert_same_bits(name, clean[name], poisoned[name])
    for row, n in enumerate(lengths):
        if "o" in clean:
            assert (clean["o"][row, :, n:] == 0).all()
    if "memory" in clean:
        assert_same_bits("memory", clean["memory"][0], arguments["memory"][0])
        assert_same_bits("normalizer", clean["normalizer"][0], arguments["normalizer"][0])


@pytest.mark.parametrize("program", PADDED[:-1], ids=name_of)
def test_s14_other_rows(program, run):
    """NaN and infinity of valid tokens stay in their batch row."""
    arguments = sample(program, batch=3, lengths=[13, 13, 9])
    bad = poison(arguments, [13, 0, 13])
    one, other = run(program, arguments), run(program, bad)
    for name in one:
        assert_same_bits(name, one[name][::2], other[name][::2])
    assert any(np.isnan(x[1]).any() for x in other.values() if x.dtype == np.float32)


# --- [S15]: sums are f32 or better --------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_s15_memory_does_not_freeze(dtype, run):
    """2,000 equal segments: with M and z in bf16 nothing would be added after about 256."""
    program = Program("attention", rule="linear", dtype=dtype, segment_length=1)
    arguments = sample(program, batch=1, heads=(1, 1), tokens=2000, widths=(2, 2), memory="zero")
    arguments["q"][:], arguments["k"][:], arguments["v"][:] = 0, 0, 1
    results = run(program, arguments)
    assert (results["normalizer"] == 2000).all() and (results["memory"] == 2000).all()


def test_s15_memory_does_not_overflow(run):
    """70,000 f16 tokens: their sum is no f16 number."""
    program = Program("attention", rule="linear", dtype="f16", segment_length=1000)
    arguments = sample(program, batch=1, heads=(1, 1), tokens=70_000, widths=(2, 2), memory="zero", gate=100.0)
    arguments["q"][:], arguments["k"][:], arguments["v"][:] = 0, 0, 1
    results = run(program, arguments)
    assert (results["normalizer"] == 70_000).all() and (results["memory"] == 70_000).all()
    assert (results["o"][:, :, 1000:] == 1).all()


# --- [S16]: the same bits -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("program", ALL, ids=name_of)
def test_s16_row_alone(program, run):
    """A row of a batch and the same row by itself, whatever the others hold: NaN here."""
    arguments = sample(program, batch=3, lengths=[13, 13, 7])
    arguments["k"][1], arguments["v"][1] = np.nan, np.nan
    together = run(program, arguments)
    for row in (0, 1, 2):
        alone = run(program, rows(arguments, slice(row, row + 1)))
        for name in alone:
            assert_same_bits(name, alone[name], together[name][row:row + 1])


@pytest.mark.parametrize("program", ALL, ids=name_of)
def test_s16_threads(program, run, threads):
    """One thread and two."""
    arguments = sample(program, batch=3, tokens=23, lengths=[23, 14, 0])
    arguments["v"][1] = np.nan
    run(program, arguments)  # loads it
    with threads(1):
        one = run(program, arguments)
    with threads(2):
        two = run(program, arguments)
    for name in one:
        assert_same_bits(name, one[name], two[name])


# --- sizes of 0, inputs at their ends -----------------------------------------------------------------------------------

@pytest.mark.parametrize("program", PADDED, ids=name_of)
@pytest.mark.parametrize("batch, tokens", [(0, 13), (0, 0), (2, 0)])
def test_sizes_of_zero(program, batch, tokens, run):
    """No rows and no tokens are inputs like any other: results of the right shape, the memory unchanged."""
    arguments = sample(program, batch=batch, tokens=tokens, lengths=np.zeros(batch, np.int64))
    results = run(program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)
    if "memory" in results:
        assert_same_bits("memory", results["memory"], arguments["memory"])


def test_large_scores(run):
    """Scores in the thousands: the softmax takes its maximum off before exp."""
    program = Program("segment_attention", scale=100.0)
    arguments = sample(program)
    results, expected = run(program, arguments), programs.expected(program, arguments)
    assert np.abs(expected["log_sum_exp"][0]).max() > 500
    for name, (value, bound) in expected.items():
        assert_close(name, results[name], value, bound)


@pytest.mark.parametrize("program", ALL[1:5], ids=name_of)
@pytest.mark.parametrize("lengths", [[-1, 3], [3, 14]])
def test_lengths_out_of_range(program, lengths, run):
    """A length below 0 or above T is an error that says so; nothing is read or written out of bounds."""
    with pytest.raises(CheckFailed, match="expected"):
        run(program, sample(program, lengths=lengths))
