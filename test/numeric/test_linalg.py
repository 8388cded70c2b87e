"""The CPU pipeline on plain linalg: contractions, reductions and elementwise operations of all layouts and sizes with tails."""
from math import prod

import numpy as np
import pytest

import tolerances
from checking import assert_close
from element_types import BITS, encode, rounded

SIZES = (0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 48, 65, 100)
CONTRACTIONS = ("mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->nm", "bmk,bkn->bmn", "bhmk,bhnk->bhmn", "bmk,kn->bmn", "mk,k->m",
                "k,kn->n", "mkj,kjn->mn", "m,n->mn", "k,k->")
MAPS = ("mn->mn", "mn->nm", "m->mn", "n->mn", "bmn->nbm")
REDUCTIONS = ("mn->m", "mn->n", "bmn->bn", "n->")


def affine_map(letters, order):
    names = ", ".join(f"d{i}" for i in range(len(order)))
    return f"affine_map<({names}) -> ({', '.join(f'd{order.index(x)}' for x in letters)})>"


def tensor(letters, dtype):
    return f"tensor<{'?x' * len(letters)}{dtype}>"


def generic(name, spec, dtype, body, start):
    """A function over one linalg.generic: inputs of `dtype` as in the einsum-like spec, an f32 result filled with `start`.

    body: lines over %a, %b (inputs as f32) and %c (the result so far), giving %r.
    """
    inputs, output = spec.split("->")
    inputs = inputs.split(",")
    order = output + "".join(dict.fromkeys(x for letters in inputs for x in letters if x not in output))
    lines = [f"func.func @{name}({', '.join(f'%x{i}: {tensor(x, dtype)}' for i, x in enumerate(inputs))}"
             + "".join(f", %like{x}: tensor<?xf32>" for x in output if not any(x in i for i in inputs))
             + f") -> {tensor(output, 'f32')} {{"]
    sizes = []
    for x in output:
        i = next((i for i, letters in enumerate(inputs) if x in letters), None)
        source, kind, at = (f"%like{x}", "tensor<?xf32>", 0) if i is None else (f"%x{i}", tensor(inputs[i], dtype), inputs[i].index(x))
        lines += [f"  %at{x} = arith.constant {at} : index", f"  %n{x} = tensor.dim {source}, %at{x} : {kind}"]
        sizes.append(f"%n{x}")
    kinds = ", ".join(f'"{"parallel" if x in output else "reduction"}"' for x in order)
    maps = ", ".join(affine_map(x, order) for x in (*inputs, output))
    scalars = [f"%i{i}: {dtype}" for i in range(len(inputs))]
    widen = [f"    %{'ab'[i]} = " + (f"arith.extf %i{i} : {dtype} to f32" if dtype != "f32" else f"arith.addf %i{i}, %zero : f32")
             for i in range(len(inputs))]
    ins = f"ins({', '.join(f'%x{i}' for i in range(len(inputs)))} : {', '.join(tensor(x, dtype) for x in inputs)})"
    out = tensor(output, "f32")
    lines += [f"  %start = arith.constant {start} : f32", "  %zero = arith.constant -0.0 : f32",
              f"  %empty = tensor.empty({', '.join(sizes)}) : {out}",
              f"  %init = linalg.fill ins(%start : f32) outs(%empty : {out}) -> {out}",
              f"  %result = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {ins} outs(%init : {out}) {{",
              f"  ^bb0({', '.join(scalars)}, %c: f32):", *widen, *(f"    {line}" for line in body), "    linalg.yield %r : f32",
              f"  }} -> {out}", f"  return %result : {out}", "}"]
    return "\n".join(lines) + "\n"


MULTIPLY_ADD = ["%p = arith.mulf %a, %b : f32", "%r = arith.addf %c, %p : f32"]
ADD = ["%r = arith.addf %c, %a : f32"]
LARGEST = ["%r = arith.maximumf %c, %a : f32"]
EXP = ["%r = math.exp %a : f32"]
EXP2 = ["%r = math.exp2 %a : f32"]
SIGMA = ["%one = arith.constant 1.0 : f32", "%more = arith.addf %a, %one : f32", "%small = math.exp %a : f32",
         "%up = arith.cmpf ogt, %a, %zero : f32", "%r = arith.select %up, %more, %small : f32"]


def programs():
    """(name, text, spec, dtype, kind) of each function."""
    for dtype in ("f32", "bf16", "f16"):
        for i, spec in enumerate(CONTRACTIONS):
            yield f"contract{i}_{dtype}", generic(f"contract{i}_{dtype}", spec, dtype, MULTIPLY_ADD, "0.0"), spec, dtype, "sum"
        for i, spec in enumerate(REDUCTIONS):
            yield f"sum{i}_{dtype}", generic(f"sum{i}_{dtype}", spec, dtype, ADD, "0.0"), spec, dtype, "sum"
            yield f"max{i}_{dtype}", generic(f"max{i}_{dtype}", spec, dtype, LARGEST, "0xFF800000"), spec, dtype, "max"
        for i, spec in enumerate(MAPS):
            yield f"exp{i}_{dtype}", generic(f"exp{i}_{dtype}", spec, dtype, EXP, "0.0"), spec, dtype, "exp"
            yield f"exp2_{i}_{dtype}", generic(f"exp2_{i}_{dtype}", spec, dtype, EXP2, "0.0"), spec, dtype, "exp2"
            yield f"sigma{i}_{dtype}", generic(f"sigma{i}_{dtype}", spec, dtype, SIGMA, "0.0"), spec, dtype, "sigma"


PROGRAMS = list(programs())


@pytest.fixture(scope="module")
def library(build):
    return build("".join(text for _, text, *_ in PROGRAMS))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p[0]}:{p[2]}")
def test_linalg(program, library):
    name, _, spec, dtype, kind = program
    inputs, output = spec.split("->")
    inputs = inputs.split(",")
    letters = sorted({x for part in (*inputs, output) for x in part})
    random = np.random.default_rng(len(spec))
    for trial in range(24):
        size = dict(zip(letters, random.choice(SIZES[:10] if len(letters) > 3 else SIZES, len(letters))))
        if trial:  # one trial with sizes of 0 at most
            size = {x: max(1, int(n)) for x, n in size.items()}
        arrays = [rounded(2 * random.standard_normal([size[x] for x in part]).astype(np.float32), dtype) for part in inputs]
        likes = [np.zeros(size[x], np.float32) for x in output if not any(x in part for part in inputs)]
        result, = library.call(name, [encode(x, dtype).reshape(x.shape) for x in arrays] + likes, [(len(output), np.float32)])
        value, bound = expected(kind, spec, [x.astype(np.float64) for x in arrays], size)
        assert_close(f"{spec} {size}", result, value, bound)


FUNCTIONS = dict(exp=np.exp, exp2=np.exp2, sigma=lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))))


def expected(kind, spec, arrays, size):
    """(float64 value, bound) of one call."""
    inputs, output = spec.split("->")
    if kind in FUNCTIONS:
        x = FUNCTIONS[kind](arrays[0])
        missing = [letter for letter in output if letter not in inputs]
        for letter in missing:
            x = np.repeat(x[..., None], size[letter], axis=-1)
        value = np.transpose(x, [(inputs + "".join(missing)).index(letter) for letter in output])
        return value, tolerances.FUNCTION * value
    if kind == "max":
        axes = tuple(i for i, letter in enumerate(inputs) if letter not in output)
        return arrays[0].max(axis=axes, initial=-np.inf), 0
    terms = prod(n for letter, n in size.items() if letter not in output)
    value = np.einsum(spec, *arrays)
    return value, (tolerances.chain(max(1, terms)) + tolerances.W) * np.einsum(spec, *map(np.abs, arrays))


INTEGERS = {"i1": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "index": np.int64}


FIXED = dict(m=20, n=37, k=9)


def integer_product(name, spec, dtype, into):
    """einsum of integers, whole, or of FIXED sizes into every other column of a tensor that is otherwise as %old."""
    inputs, output = spec.split("->")
    inputs = inputs.split(",")
    order = output + "".join(dict.fromkeys(x for letters in inputs for x in letters if x not in output))
    kinds = ", ".join(f'"{"parallel" if x in output else "reduction"}"' for x in order)
    maps = ", ".join(affine_map(x, order) for x in (*inputs, output))

    def shaped(letters, last=1):
        sizes = [FIXED[x] * (last if i == len(letters) - 1 else 1) if into == "columns" else "?" for i, x in enumerate(letters)]
        return f"tensor<{''.join(f'{n}x' for n in sizes)}{dtype}>"

    add, multiply = ("arith.ori", "arith.andi") if dtype == "i1" else ("arith.addi", "arith.muli")
    out, old = shaped(output), shaped(output, 2)
    part = (f"[{', '.join('0' for _ in output)}] [{', '.join(str(FIXED[x]) for x in output)}] "
            f"[{', '.join(['1'] * (len(output) - 1) + ['2'])}]")
    lines = [f"func.func @{name}(%x: {shaped(inputs[0])}, %y: {shaped(inputs[1])}, %old: {old}) -> {old} {{",
             f"  %zero = arith.constant {'false' if dtype == 'i1' else f'0 : {dtype}'}"]
    if into == "columns":
        lines += [f"  %empty = tensor.empty() : {old}", f"  %own = linalg.copy ins(%old : {old}) outs(%empty : {old}) -> {old}",
                  f"  %start = tensor.extract_slice %own{part} : {old} to {out}"]
    lines += [f"  %init = linalg.fill ins(%zero : {dtype}) outs({'%start' if into == 'columns' else '%old'} : {out}) -> {out}",
              f"  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} "
              f"ins(%x, %y : {shaped(inputs[0])}, {shaped(inputs[1])}) outs(%init : {out}) {{",
              f"  ^bb0(%a: {dtype}, %b: {dtype}, %c: {dtype}):", f"    %p = {multiply} %a, %b : {dtype}",
              f"    %s = {add} %c, %p : {dtype}", f"    linalg.yield %s : {dtype}", f"  }} -> {out}"]
    if into == "columns":
        lines += [f"  %all = tensor.insert_slice %r into %own{part} : {out} into {old}", f"  return %all : {old}", "}"]
    else:
        lines += [f"  return %r : {old}", "}"]
    return "\n".join(lines) + "\n"


PRODUCTS = [(f"{into}{i}_{dtype}", spec, dtype, into) for i, spec in enumerate(("mk,kn->mn", "mk,nk->mn", "km,kn->nm", "k,k->", "mk,k->m"))
            for dtype in INTEGERS for into in ("whole", "columns")[:2 if len(spec) > 6 else 1]]


@pytest.fixture(scope="module")
def integer_library(build):
    return build("".join(integer_product(*product) for product in PRODUCTS))


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: f"{p[0]}:{p[1]}")
def test_product_of_integers(product, integer_library):
    """Products of any integers, also into columns that are no neighbours in memory, have tiles and no rounding."""
    name, spec, dtype, into = product
    inputs, output = spec.split("->")
    inputs = inputs.split(",")
    random = np.random.default_rng(7)
    for _ in range(12):
        size = FIXED if into == "columns" else {x: int(random.choice(SIZES[1:])) for x in "mnk"}
        low, high = (0, 2) if dtype == "i1" else (-9, 10)
        x, y = (random.integers(low, high, [size[c] for c in part]).astype(INTEGERS[dtype]) for part in inputs)
        shape = [size[c] for c in output]
        if into == "columns":
            shape[-1] *= 2
        old = random.integers(low, high, shape).astype(INTEGERS[dtype])
        want = np.einsum(spec, x.astype(np.int64), y.astype(np.int64))
        want = want != 0 if dtype == "i1" else want.astype(INTEGERS[dtype])
        if into == "columns":
            value, want = want, old.copy()
            want[..., ::2] = value
        result, = integer_library.call(name, [x, y, old], [(len(output), INTEGERS[dtype])])
        np.testing.assert_array_equal(result, want)


def test_exp_everywhere(library):
    """exp of f32 over its whole range: 2 units in the last place, and what is infinite, 0 or no number stays so."""
    x = np.linspace(-87, 88, 200_001, dtype=np.float32)
    result, = library.call("exp0_f32", [x[None]], [(2, np.float32)])
    value = np.exp(x.astype(np.float64))
    assert_close("exp", result[0], value, tolerances.FUNCTION * value)
    x = np.array([0, -0.0, 89, 1e30, np.inf, -104.1, -1e30, -np.inf, np.nan], np.float32)
    result, = library.call("exp0_f32", [x[None]], [(2, np.float32)])
    np.testing.assert_array_equal(result[0], np.float32([1, 1, np.inf, np.inf, np.inf, 0, 0, 0, np.nan]))


def test_state_of_a_module(build):
    """What one function writes another reads: their code is in one object then, which has the memory once."""
    text = """
memref.global "private" @calls : memref<1xf32> = dense<0.0>
func.func @next(%step: tensor<1xf32>) -> tensor<1xf32> {
  %c0 = arith.constant 0 : index
  %calls = memref.get_global @calls : memref<1xf32>
  %old = memref.load %calls[%c0] : memref<1xf32>
  %by = tensor.extract %step[%c0] : tensor<1xf32>
  %new = arith.addf %old, %by : f32
  memref.store %new, %calls[%c0] : memref<1xf32>
  %r = tensor.splat %new : tensor<1xf32>
  return %r : tensor<1xf32>
}
func.func @current() -> tensor<1xf32> {
  %c0 = arith.constant 0 : index
  %calls = memref.get_global @calls : memref<1xf32>
  %value = memref.load %calls[%c0] : memref<1xf32>
  %r = tensor.splat %value : tensor<1xf32>
  return %r : tensor<1xf32>
}
"""
    library = build(text)
    for total in (2.0, 4.0):
        assert library.call("next", [np.float32([2.0])], [(1, np.float32)])[0] == total
        assert library.call("current", [], [(1, np.float32)])[0] == total
