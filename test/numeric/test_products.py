"""Products of a model (projections, MLP, logits) against float64: layouts, tails, what they add to and what is computed of them.

As this machine's target does them, and in the form of AMX by vectors.
"""
import ctypes
import mmap
import multiprocessing

import numpy as np
import pytest

import tolerances
from checking import assert_close, assert_same_bits
from compiled import infini_opt
from element_types import BITS, decode, encode, rounded
from test_linalg import affine_map

# y[letters] += a[letters] * b[letters]; the last letter of y is that of a row in memory
SPECS = ("mk,kn->mn", "mk,nk->mn", "km,kn->mn", "nk,mk->mn", "bmk,bkn->bmn", "bmk,bnk->mbn", "btk,khe->bhte", "bhte,hen->btn")
# Letters but b and h, which are 2 and 3: less and more than a tile, a group of rows, a task, a part of the terms.
SIZES = dict(m=(1, 31, 33, 130, 300, 545), t=(5, 64, 161), n=(1, 40, 64, 97), k=(1, 33, 64, 290, 600), e=(33, 64))
AFTER = ("nothing", "rounded", "added", "biased")
STATIC = dict(m=544, t=160, n=96, k=608, e=64)


def tensor(letters, dtype, sizes):
    return f"tensor<{''.join(f'{sizes[x]}x' if sizes else '?x' for x in letters)}{dtype}>"


def program(name, spec, after, dtype, sizes=None):
    """@name(a, b, residual, bias): products of dtype in f32, to which `after` is done; sizes of the letters, or all dynamic.

    nothing: the sum itself; rounded: to bf16; added: f32, residual + sum, by the product; biased: bf16, two operations:
    rounded sum, then half of it + residual + bias.
    """
    inputs, out = spec.split("->")
    left, right = inputs.split(",")
    order = out + "".join(dict.fromkeys(x for x in left + right if x not in out))
    kinds = ", ".join(f'"{"parallel" if x in out else "reduction"}"' for x in order)
    a, b = tensor(left, dtype, sizes), tensor(right, dtype, sizes)
    sums, small = tensor(out, "f32", sizes), tensor(out, "bf16", sizes)
    bias = tensor(out[-1], "f32", sizes)
    result = sums if after in ("nothing", "added") else small
    lines = [f"func.func @{name}(%a: {a}, %b: {b}, %residual: {sums}, %bias: {bias}) -> {result} {{", "  %zero = arith.constant 0.0 : f32",
             "  %half = arith.constant 0.5 : f32"]
    dims = []
    for i, x in enumerate(out):
        if not sizes:
            lines += [f"  %at{x} = arith.constant {i} : index", f"  %n{x} = tensor.dim %residual, %at{x} : {sums}"]
            dims.append(f"%n{x}")
    dims = ", ".join(dims)
    start = "%residual"
    if after != "added":
        lines += [f"  %empty = tensor.empty({dims}) : {sums}",
                  f"  %start = linalg.fill ins(%zero : f32) outs(%empty : {sums}) -> {sums}"]
        start = "%start"
    maps = ", ".join(affine_map(x, order) for x in (left, right, out))
    lines += [f"  %sums = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} ins(%a, %b : {a}, {b}) outs({start} : {sums}) {{",
              f"  ^bb0(%x: {dtype}, %y: {dtype}, %s: f32):"]
    factors = "%x, %y"
    if dtype != "f32":
        lines += [f"    %w{x} = arith.extf %{x} : {dtype} to f32" for x in "xy"]
        factors = "%wx, %wy"
    lines += [f"    %p = arith.mulf {factors} : f32", "    %r = arith.addf %s, %p : f32", "    linalg.yield %r : f32", f"  }} -> {sums}"]
    value = "%sums"
    if after in ("rounded", "biased"):
        same = affine_map(out, out)
        plain = ", ".join(['"parallel"'] * len(out))
        lines += [f"  %small = tensor.empty({dims}) : {small}",
                  f"  %rounded = linalg.generic {{indexing_maps = [{same}, {same}], iterator_types = [{plain}]}} ins(%sums : {sums}) outs(%small : {small}) {{",
                  "  ^bb0(%x: f32, %o: bf16):", "    %t = arith.truncf %x : f32 to bf16", "    linalg.yield %t : bf16", f"  }} -> {small}"]
        value = "%rounded"
    if after == "biased":
        maps = ", ".join([same, same, affine_map(out[-1], out), same])
        lines += [f"  %into = tensor.empty({dims}) : {small}",
                  f"  %biased = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{plain}]}} ins(%rounded, %residual, %bias : {small}, {sums}, {bias}) outs(%into : {small}) {{",
                  "  ^bb0(%x: bf16, %y: f32, %z: f32, %o: bf16):", "    %w = arith.extf %x : bf16 to f32", "    %h = arith.mulf %w, %half : f32",
                  "    %u = arith.addf %h, %y : f32", "    %v = arith.addf %u, %z : f32", "    %t = arith.truncf %v : f32 to bf16",
                  "    linalg.yield %t : bf16", f"  }} -> {small}"]
        value = "%biased"
    return "\n".join([*lines, f"  return {value} : {result}", "}"]) + "\n"


CASES = [(f"p{i}_{after}_{dtype}{'_static' if sizes else ''}", spec, after, dtype, sizes)
         for i, spec in enumerate(SPECS) for dtype in ("bf16", "f32", "f16") for after in (AFTER if dtype != "f16" else AFTER[:1])
         for sizes in (None, STATIC | dict(b=2, h=3))]
TEXT = "".join(program(*case) for case in CASES)
FORMS = {"native": (), "emulated": ("--emulate-amx",)}


def arguments(spec, dtype, sizes, random):
    inputs, out = spec.split("->")
    shapes = [[sizes[x] for x in letters] for letters in (*inputs.split(","), out, out[-1])]
    values = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    return [rounded(x, dtype) for x in values[:2]] + values[2:]


def expected(spec, after, a, b, residual, bias):
    """(float64 value, bound)."""
    a, b, residual = (x.astype(np.float64) for x in (a, b, residual))
    value, size = np.einsum(spec, a, b), np.einsum(spec, np.abs(a), np.abs(b))
    letters, out = spec.split("->")
    count = [n for x, n in zip(letters.replace(",", ""), (*a.shape, *b.shape)) if x not in out]
    error = (tolerances.chain(max(2, int(np.prod(count[:len(count) // 2])))) + tolerances.W) * size
    if after == "added":
        return value + residual, error * (1 + tolerances.W) + tolerances.chain(2 + count[0]) * np.abs(residual)
    if after == "nothing":
        return value, error
    error = tolerances.stored(value, error, "bf16")
    if after == "rounded":
        return value, error
    total = value / 2 + residual + bias
    error = error / 2 + 2 * tolerances.W * (np.abs(value) + np.abs(residual) + np.abs(bias))
    return total, tolerances.stored(total, error, "bf16")


def call(library, case, values):
    name, spec, after, dtype, _ = case
    kind = "f32" if after in ("nothing", "added") else "bf16"
    passed = [encode(x, dtype) for x in values[:2]] + values[2:]
    result, = library.call(name, passed, [(len(spec.split("->")[1]), BITS[kind])])
    return decode(result, kind)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}:{case[0]}")
def test_product(case, form, build):
    _, spec, after, dtype, sizes = case
    library = build(TEXT, *FORMS[form])
    random = np.random.default_rng(len(spec))
    for _ in range(1 if sizes else 8):
        drawn = sizes or {x: int(random.choice(n)) for x, n in SIZES.items()} | dict(b=2, h=3)
        values = arguments(spec, dtype, drawn, random)
        assert_close(f"{spec} {drawn}", call(library, case, values), *expected(spec, after, *values))


def at_end(array):
    """A copy whose last byte is the last one before a page that may not be read."""
    pages = -(-array.nbytes // mmap.PAGESIZE)
    room = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + pages * mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    copy = np.frombuffer(room, array.dtype, array.size, pages * mmap.PAGESIZE - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spec", ["mk,kn->mn", "mk,nk->mn", "km,kn->mn"])
@pytest.mark.parametrize("dtype", ["bf16", "f32"])
def test_ends(dtype, spec, form, build, threads):
    """Nothing past the end of a factor is read: a tail in every dimension, and no memory behind."""
    library = build(TEXT, *FORMS[form])
    case = next(case for case in CASES if case[1:] == (spec, "nothing", dtype, None))
    values = arguments(spec, dtype, dict(m=131, n=65, k=257), np.random.default_rng(0))

    def compute():
        passed = [at_end(encode(x, dtype)) for x in values[:2]] + values[2:]
        result, = library.call(case[0], passed, [(2, BITS["f32"])])
        assert_close(spec, result, *expected(spec, "nothing", *values))
    with threads(1):
        child = multiprocessing.get_context("fork").Process(target=compute)  # which may end by a fault
        child.start()
        child.join(60)
        child.kill()
        assert child.exitcode == 0


@pytest.mark.parametrize("dtype", ["bf16", "f32"])
def test_threads(dtype, build, threads):
    """The same bits for any number of threads."""
    library = build(TEXT)
    case = next(case for case in CASES if case[0] == f"p0_biased_{dtype}")
    values = arguments(case[1], dtype, dict(m=545, n=97, k=600), np.random.default_rng(0))
    results = []
    for count in (1, 2, 3):
        with threads(count):
            results.append(call(library, case, values))
    for other in results[1:]:
        assert_same_bits("result", results[0], other)


def test_form():
    """None of them is left to widened factors where the target has products of pairs."""
    text = infini_opt(TEXT, "--infini-attn-tile=bf16-pairs")
    assert text.count("{infini_attn.pair_product}") == sum(case[3] == "bf16" for case in CASES)
    assert text.count("scf.forall (") == 2 * len(CASES)
