"""A few queries, in functions that know how many: one token of a stream, and up to 8, beside several blocks of keys."""
import platform

import numpy as np
import pytest

import conftest
import programs
from cases import OPERANDS, Program
from checking import assert_close, assert_same_bits
from conftest import call
from element_types import decode, encode, rounded
from sample import STEP, rows, sample, stream
from test_stream import flushed, whole

# Rows of a panel: 1, 4, 24 (more than a thin product has), 3, 8; then any number.
KINDS = [(1, (1, 1), True), (2, (4, 2), True), (3, (8, 1), True), (3, (2, 2), True), (8, (2, 2), True), (1, (8, 1), True),
         (1, (4, 2), False), (3, (4, 2), False)]


def few(program, monkeypatch, *, heads, queries, width, value_width, is_static):
    """The text of a program whose queries are of a static number; with is_static, all but rows and keys."""
    query_heads, kv_heads = heads if is_static else "??"
    if not is_static:
        width = value_width = "?"
    sizes = dict(q=f"?x{query_heads}x{queries}x{width}xa", k=f"?x{kv_heads}x?x{width}xa", v=f"?x{kv_heads}x?x{value_width}xa",
                 memory=f"?x{kv_heads}x{width}x{value_width}xf32", normalizer=f"?x{kv_heads}x{width}xf32")
    for name, size in sizes.items():
        monkeypatch.setitem(programs.TYPES, name, size)
    results = [("o", f"?x{query_heads}x{queries}x{value_width}xa"), ("log_sum_exp", f"?x{query_heads}x{queries}xf32")]
    monkeypatch.setitem(programs.RESULTS, program.op, tuple(results[:len(programs.RESULTS[program.op])]))
    return programs.text(program)


def inputs(program, heads, queries, keys, widths, *, batch=2, lengths=None, offset=None, seed=0):
    arguments = sample(program, batch=batch, heads=heads, tokens=keys, widths=widths, lengths=lengths, seed=seed)
    arguments["q"] = arguments["q"][:, :, :queries]
    if offset is not None:
        arguments["query_offset"] = np.array(offset)
    return {name: arguments[name] for name in programs.operands(program)}


def check(program, text, arguments, build):
    results = call(build(text), program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)
    return results


@pytest.mark.parametrize("queries, heads, is_static", KINDS)
@pytest.mark.parametrize("dtype", ["f32", "bf16", "f16"])
def test_attention(queries, dtype, heads, is_static, build, monkeypatch):
    """Keys of one block (256), of several, and of a partial last one; widths that are no multiple of a vector."""
    program = Program("segment_attention", dtype=dtype)
    for widths in [(40, 56), (128, 128)][:1 + is_static]:
        text = few(program, monkeypatch, heads=heads, queries=queries, width=widths[0], value_width=widths[1], is_static=is_static)
        for keys in (queries, 17, 256, 257, 523):
            check(program, text, inputs(program, heads, queries, keys, widths), build)


@pytest.mark.parametrize("rotary_style", [None, "halves", "interleaved"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("queries", [1, 3])
def test_offsets_and_lengths(queries, dtype, rotary_style, build, monkeypatch):
    """Queries anywhere among rotated keys, before the first valid one's block too; padding gives 0 and -inf."""
    program = Program("segment_attention", dtype=dtype, rotary_style=rotary_style, keys_rotated=True, has_offset=True,
                      has_lengths=True)
    text = few(program, monkeypatch, heads=(4, 2), queries=queries, width=40, value_width=56, is_static=True)
    for offset, lengths in (([0, 254], [300, 300]), ([299, 100], [300, 40]), ([298, 7], [299, 0]), ([255, 256], [257, 257])):
        arguments = inputs(program, (4, 2), queries, 300, (40, 56), lengths=lengths, offset=offset)
        results = check(program, text, arguments, build)
        is_padding = np.array(offset)[:, None] + np.arange(queries) >= np.array(lengths)[:, None]
        assert (np.isneginf(results["log_sum_exp"]) == is_padding[:, None]).all()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="CPUs of another instruction set")
@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3"])
@pytest.mark.parametrize("queries", [1, 3])
def test_older_cpu(queries, cpu, build, monkeypatch):
    """Vectors of 4 and 8 lanes: other tiles."""
    program = Program("segment_attention", dtype="bf16")
    text = few(program, monkeypatch, heads=(4, 2), queries=queries, width=40, value_width=56, is_static=True)
    arguments = inputs(program, (4, 2), queries, 300, (40, 56))
    results = call(build(text, f"--mcpu={cpu}"), program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


def test_padding_may_hold_any_bits(build, monkeypatch):
    """[S14] Keys and values past the length, or past every query's place, are never read."""
    program = Program("segment_attention", has_offset=True, has_lengths=True)
    text = few(program, monkeypatch, heads=(4, 2), queries=1, width=40, value_width=56, is_static=True)
    arguments = inputs(program, (4, 2), 1, 300, (40, 56), lengths=[270, 300], offset=[269, 30])
    clean = call(build(text), program, arguments)
    for row, end in ((0, 270), (1, 31)):
        for name in ("k", "v"):
            arguments[name][row, :, end:] = np.nan
    dirty = call(build(text), program, arguments)
    for name in clean:
        assert np.isfinite(clean[name]).all()
        assert_same_bits(name, clean[name], dirty[name])


@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_precision(precision, build, monkeypatch):
    """f32 factors are rounded, each of them: rounding them before changes no bit."""
    program = Program("segment_attention", precision=precision)
    text = few(program, monkeypatch, heads=(4, 2), queries=2, width=40, value_width=56, is_static=True)
    arguments = inputs(program, (4, 2), 2, 300, (40, 56))
    before = {name: rounded(x, precision) for name, x in arguments.items()}
    results, again = call(build(text), program, arguments), check(program, text, before, build)
    for name in results:
        assert_same_bits(name, results[name], again[name])


def test_threads_and_batch(build, monkeypatch, threads):
    """[S16] The bits of a row depend neither on threads nor on the other rows."""
    program = Program("segment_attention", dtype="bf16")
    text = few(program, monkeypatch, heads=(4, 2), queries=1, width=128, value_width=128, is_static=True)
    arguments = inputs(program, (4, 2), 1, 1000, (128, 128), batch=3)
    library, results = build(text), {}
    for count in (1, 2, 5):
        with threads(count):
            results[count] = call(library, program, arguments)
    alone = call(library, program, rows(arguments, slice(1, 2)))
    for name in alone:
        assert_same_bits(name, results[1][name], results[2][name])
        assert_same_bits(name, results[1][name], results[5][name])
        assert_same_bits(name, results[1][name][1:2], alone[name])


@pytest.mark.parametrize("queries, heads, is_static", KINDS)
@pytest.mark.parametrize("dtype, epsilon", [("f32", 0.25), ("bf16", 0.0)])
def test_retrieve(queries, dtype, epsilon, heads, is_static, build, monkeypatch):
    """The memory read of a few tokens; rows of padding give 0 [S14], so does an empty memory [S9]."""
    program = Program("memory_retrieve", dtype=dtype, epsilon=epsilon, has_lengths=True)
    for widths in [(40, 56), (128, 128)][:1 + is_static]:
        text = few(program, monkeypatch, heads=heads, queries=queries, width=widths[0], value_width=widths[1], is_static=is_static)
        for memory in ("memory", "zero"):
            arguments = sample(program, heads=heads, tokens=queries, widths=widths, lengths=[queries, queries // 2], memory=memory)
            check(program, text, arguments, build)


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("rule, dtype, epsilon", [("delta", "f32", 0.25), ("delta", "bf16", 0.0), ("linear", "f16", 0.0)])
@pytest.mark.parametrize("tokens", [1, 3])
def test_update(tokens, rule, dtype, epsilon, reads, build, monkeypatch):
    """What a few tokens add to a memory; rows of padding add nothing [S14]."""
    program = Program("memory_update", rule=rule, dtype=dtype, epsilon=epsilon, has_lengths=True, reads=reads)
    for name, width in (("k", 40), ("v", 56)):
        monkeypatch.setitem(programs.TYPES, name, f"?x?x{tokens}x{width}xa")
    text = programs.text(program)
    for memory in ("memory", "zero"):
        arguments = sample(program, tokens=tokens, widths=(40, 56), lengths=[tokens, tokens // 2], memory=memory)
        if reads:
            arguments |= {f"read_{name}": 0.5 * arguments[name] for name in ("memory", "normalizer")}
        check(program, text, arguments, build)


@pytest.mark.parametrize("program", STEP, ids=lambda p: f"{p.rule}-{p.dtype}")
def test_stream(program, build, monkeypatch):
    """[D1] A function of one token, call after call, is one call over all of them."""
    for name, shape in (("q", "?x?x1x?xa"), ("k", "?x?x1x?xa"), ("v", "?x?x1x?xa")):
        monkeypatch.setitem(programs.TYPES, name, shape)
    results = programs.RESULTS[program.op]
    monkeypatch.setitem(programs.RESULTS, program.op, (("o", "?x?x1x?xa"), *results[1:]))
    library = build(programs.text(program).replace("(%d0, %d1, %d2, %d3)", "(%d0, %d1, %d3)"))
    arguments = sample(program, batch=2, tokens=13, lengths=[13, 8])
    streamed = stream(program, arguments, [1] * 13, lambda p, given: call(library, p, given))
    monkeypatch.undo()
    one_call = {name: arguments[name] for name in OPERANDS["attention"]}
    for name, (value, bound) in programs.expected(whole(program), one_call).items():
        got = streamed["o"] if name == "o" else flushed(streamed)[name]
        assert_close(name, got, value, bound + 2.0 ** -23 * np.abs(value))


@pytest.mark.parametrize("program", STEP, ids=lambda p: f"{p.rule}-{p.dtype}")
def test_state_in_place(program, build, run):
    """A step whose state may be changed in place gives the same bits, in the caller's buffers, and touches no other argument."""
    text = programs.text(program)
    for name in programs.STATE_NAMES[:-1]:
        kind = programs.tensor(programs.TYPES[name], program)
        assert f"%{name}: {kind}" in text
        text = text.replace(f"%{name}: {kind}", f"%{name}: {kind} {{infini_attn.in_place}}", 1)
    library = build(text)
    arguments = sample(program, batch=2, tokens=7, lengths=[7, 3])
    expected, before = run(program, arguments), {name: x.copy() for name, x in arguments.items()}
    given = [encode(arguments[key], program.dtype) if programs.TYPES[key].endswith("a") else arguments[key]
             for key in programs.operands(program)]
    results = conftest.call_encoded(library, program, given)
    for name in expected:
        assert_same_bits(name, expected[name], results[name])
    for name, x in zip(programs.operands(program), given):
        is_state = name in programs.STATE_NAMES[:-1]
        x = decode(x, program.dtype) if programs.TYPES[name].endswith("a") else x
        assert_same_bits(name, x, results[name] if is_state else before[name])
