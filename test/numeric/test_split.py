"""precision bf16x6 and bf16x3: sums of products of bf16 parts, on tiles, in the form that stands for them, and as products of f32."""
import pathlib

import numpy as np
import pytest

import conftest
import programs
import reference
from cases import OPS, Program, grid, inputs
from checking import assert_close, assert_same_bits
from sample import sample

FLAGS = set(pathlib.Path("/proc/cpuinfo").read_text().split())
FORMS = {"emulated": "--emulate-amx"}
if "sse2" in FLAGS:
    FORMS["f32"] = "--mattr=-amx-bf16"
if "amx_bf16" in FLAGS:
    FORMS["tiles"] = "--mattr=+amx-bf16"
SPLIT = {form: option for form, option in FORMS.items() if form != "f32"}
PARTS = ["bf16x6", "bf16x3"]
# Blocks of 256 queries, groups of 32 of them, blocks of 256 and of 64 keys, all of them partial; widths that are no multiple of 32.
TILED = [Program("attention", rule="delta", segment_length=300, has_lengths=True),
         Program("attention", rule="linear", segment_length=131, rotary_style="interleaved"),
         Program("segment", rule="delta", has_lengths=True, epsilon=0.25)]


def split(program, precision):
    return Program(**program.__dict__ | dict(precision=precision))


def assert_as_expected(program, arguments, results):
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


CASES = [case for op in OPS if op != "gate" for case in grid(op) if case.program.dtype == "f32"][::10]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_grid(case, build):
    """Some of the grid: every op takes both, also those whose products are of f32 all the same."""
    arguments = inputs(case)
    for precision in PARTS:
        program = split(case.program, precision)
        library = build(programs.text(program), "--emulate-amx")
        assert_as_expected(program, arguments, conftest.call(library, program, arguments))


@pytest.mark.parametrize("program", TILED, ids=lambda p: f"{p.op}-{p.rule}")
@pytest.mark.parametrize("precision", PARTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tokens, widths", [(431, (40, 72)), (256, (32, 64)), (129, (7, 33)), (33, (128, 16))])
def test_tiles(tokens, widths, form, precision, program, build):
    program = split(program, precision)
    lengths = [tokens, tokens // 3] if program.has_lengths else None
    if program.rotary_style and widths[0] % 2:
        widths = widths[0] + 1, widths[1]
    arguments = sample(program, batch=2, tokens=tokens, lengths=lengths, widths=widths)
    assert_as_expected(program, arguments, conftest.call(build(programs.text(program), FORMS[form]), program, arguments))


@pytest.mark.parametrize("precision", PARTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size, sign", [(1, 1), (1, -1), (40, 1), (40, -1)])
def test_bound(size, sign, form, precision, build):
    """Scores far below |q| |k|: weights relative to that bound would all be 0, and the block is done again."""
    program = Program("segment", rule="linear", scale=0.5 * sign, precision=precision)
    arguments = sample(program, batch=1, tokens=300, widths=(32, 32))
    for name in "qk":  # long in directions that the other does not have
        arguments[name] = arguments[name].copy()
        arguments[name][..., 0 if name == "q" else 1] = 30.0 * size
        arguments[name][..., 1 if name == "q" else 0] = 0.0
    assert_as_expected(program, arguments, conftest.call(build(programs.text(program), FORMS[form]), program, arguments))


@pytest.mark.parametrize("form", SPLIT)
@pytest.mark.parametrize("precision", PARTS)
def test_threads_and_rows(precision, form, build, threads):
    """[S16] The same bits on any number of threads, and for a row beside others."""
    program = split(TILED[0], precision)
    arguments = sample(program, batch=2, tokens=700, lengths=[700, 433], widths=(32, 32))
    library = build(programs.text(program), FORMS[form])
    results = {}
    for count in (1, 2, 3):
        with threads(count):
            results[count] = conftest.call(library, program, arguments)
        for name in results[1]:
            assert_same_bits(name, results[1][name], results[count][name])
    one = {name: x[1:] if name not in ("gate", "rotary_frequencies") else x for name, x in arguments.items()}
    for name, x in conftest.call(library, program, one).items():
        assert_same_bits(name, results[1][name][1:], x)


def static_text(width, precision, segment_length=512):
    """@f: attention over two heads of a known width, from an empty memory: loops over terms are written out."""
    x, m, z = f"tensor<1x2x?x{width}xf32>", f"tensor<1x2x{width}x{width}xf32>", f"tensor<1x2x{width}xf32>"
    how = f", precision = #infini_attn.precision<{precision}>" if precision else ""
    return f"""func.func @f(%q: {x}, %k: {x}, %v: {x}, %gate: tensor<2xf32>) -> {x} {{
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %tokens = tensor.dim %q, %c2 : {x}
  %o = tensor.empty(%tokens) : {x}
  %m = tensor.splat %zero : {m}
  %z = tensor.splat %zero : {z}
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : {x}, {m}, {z})
    {{segment_length = {segment_length}, rule = #infini_attn.update_rule<delta>{how}}} : {x}, {x}, {x}, tensor<2xf32> -> {x}, {m}, {z}
  return %r#0 : {x}
}}
"""


def errors(width, factor, form, build):
    """({precision: rms of the error against float64}, rms of the result), of scores of ordinary size and of larger ones."""
    random = np.random.default_rng(3)
    q, k, v = (random.standard_normal((1, 2, 1100, width), np.float32) for _ in range(3))
    arrays = [np.float32(factor) * q, k, v, random.standard_normal(2, np.float32)]
    state = np.zeros((1, 2, width, width)), np.zeros((1, 2, width))
    exact = reference.attention(*(x.astype(np.float64) for x in arrays), *state, segment_length=512, rule=reference.DELTA)[0]

    def rms(x):
        return float(np.sqrt(np.mean(np.square(x))))
    return {precision: rms(build(static_text(width, precision), FORMS[form]).call("f", arrays, [(4, "float32")])[0] - exact)
            for precision in (None, *PARTS)}, rms(exact)


@pytest.mark.parametrize("form", SPLIT)
@pytest.mark.parametrize("width, factor", [(64, 1), (128, 1), (128, 4)])
def test_contract(width, factor, form, build):
    """bf16x6 is no worse than twice ieee, bf16x3 within 2^-16 of the result, and each no better than what it does: six products
    are not those of f32, and three are worse than six."""
    found, size = errors(width, factor, form, build)
    assert found["bf16x6"] <= 2 * found[None]
    assert found["bf16x6"] != found[None]
    assert 8 * found["bf16x6"] < found["bf16x3"] <= 2.0 ** -16 * size


def change(name, place, value):
    def apply(arguments):
        arguments[name] = arguments[name].copy()
        arguments[name][place] = value
    return apply


INF, LARGE = np.inf, np.float32(3.4e38)  # bf16 rounds LARGE to infinity
SPECIAL = {
    "k inf": change("k", (0, 0, 70, 3), INF), "k -inf": change("k", (0, 0, 70, 3), -INF), "k nan": change("k", (0, 0, 70, 3), np.nan),
    "q inf": change("q", (0, 1, 33, 5), INF), "q nan": change("q", (0, 1, 33, 5), np.nan),
    "v inf": change("v", (0, 0, 100, 7), INF), "v nan": change("v", (0, 0, 100, 7), np.nan),
    "k large": change("k", (0, 0, 70, 3), LARGE), "q large": change("q", (0, 1, 33, 5), -LARGE),
    "v large": change("v", (0, 0, 100, 7), LARGE), "all v large": change("v", ..., LARGE / 2),
    "m inf": change("memory", (0, 0, 2, 2), INF), "m large": change("memory", (0, 0, 2, 2), LARGE),
    "z inf": change("normalizer", (0, 0, 2), INF), "k and v large": lambda x: (change("k", (0, 0, 9, 1), 1e20)(x), change("v", (0, 0, 9, 1), 1e17)(x)),
}


@pytest.mark.parametrize("form", SPLIT)
@pytest.mark.parametrize("precision", PARTS)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name, precision, form, build):
    """What is not finite or too large to have parts comes out as with products of f32: infinities and NaN in the same places."""
    plain = Program("segment", rule="delta")
    arguments = sample(plain, batch=1, heads=(2, 1), tokens=150, widths=(32, 32))
    arguments["q"], arguments["k"] = np.abs(arguments["q"]), np.abs(arguments["k"])  # scores of one sign: +inf stays +inf
    SPECIAL[name](arguments)
    program = split(plain, precision)
    expected = conftest.call(build(programs.text(plain), FORMS[form]), plain, arguments)
    results = conftest.call(build(programs.text(program), FORMS[form]), program, arguments)
    for key, value in expected.items():
        result = results[key]
        if key == "o" and name in ("v inf", "v nan"):
            # Queries before the token have it times a weight of 0 where they share a block of keys, which are of other sizes.
            result, value = result[:, :, 100:], value[:, :, 100:]
        for kind in (np.isnan, np.isposinf, np.isneginf):
            assert np.array_equal(kind(result), kind(value)), f"{key}: {kind.__name__} elsewhere"
        finite = np.isfinite(value)
        scale = np.abs(value).max(initial=1, where=finite)
        assert np.all(np.abs(result[finite].astype(np.float64) - value[finite]) <= (2e-6 if precision == "bf16x6" else 1e-3) * scale), key


@pytest.mark.parametrize("form", SPLIT)
@pytest.mark.parametrize("precision", PARTS)
def test_small_values(precision, form, build):
    """Parts below the smallest normal number count as 0: what is lost is below it, times the other factor."""
    program = Program("segment", rule="delta", precision=precision)
    arguments = sample(program, batch=1, tokens=150, widths=(32, 32))
    arguments["v"] = arguments["v"] * np.float32(1e-39)
    arguments["k"] = arguments["k"] * np.float32(1e-38)
    arguments["memory"] = arguments["memory"] * np.float32(1e-38)
    results = conftest.call(build(programs.text(program), FORMS[form]), program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound + (200 * 2.0 ** -126 if name != "normalizer" else 0))


