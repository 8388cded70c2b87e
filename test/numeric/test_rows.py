"""Chains of a model's operations on rows (norm, projections, MLP, residual), which share a loop over blocks of rows.

Each step is compared with float64 from the results of the steps before it, which one program returns; a second one, which returns
the last ones only and so keeps the others in rooms of its tasks, has the same bits.
"""
import numpy as np
import pytest

import tolerances
from checking import assert_close, assert_same_bits
from compiled import infini_opt
from element_types import BITS, decode, encode, rounded
from test_linalg import affine_map

# Rows; width d, heads of e, inner width i: whole tiles of pairs, and tails.
ROWS = (1, 31, 33, 64, 130, 161, 545, 1030)
WIDTHS = {"whole": dict(d=64, h=2, e=64, i=96), "tails": dict(d=56, h=3, e=40, i=97), "long": dict(d=320, h=1, e=64, i=1600)}
INPUTS = dict(x="btd", scale="d", wq="dhe", wg="di", wu="di", wd="id")
RESULTS = dict(n="btd", q="bhte", a="bti", y="btd")
FEW = ("q", "y")
FORMS = {"native": (), "emulated": ("--emulate-amx",)}


def program(name, dtype, sizes, rows, returned):
    """@name(inputs) -> results `returned` of INPUTS and RESULTS; rows: how many, or None for a dynamic number.

    m = max over d of x;  n = (x - m) scale;  q = n wq;  a = (n wg) (n wu);  y = x + a wd
    with every result of dtype, and bf16 products rounded before they are multiplied.
    """
    sizes = sizes | dict(b=1, t=rows or "?")

    def tensor(letters, kind):
        return f"tensor<{''.join(f'{sizes[x]}x' for x in letters)}{kind}>"
    lines, count = [], 0

    def new():
        nonlocal count
        count += 1
        return f"%v{count}"

    def empty(letters, kind):
        value = new()
        lines.append(f"{value} = tensor.empty({'%rows' if 't' in letters and not rows else ''}) : {tensor(letters, kind)}")
        return value

    def generic(loops, operands, out, kind, start, body):
        """operands: (value, letters, type); body over %0, %1, ... widened and %out, its last line the value."""
        value, into = new(), start
        if not isinstance(start, str):
            room, into = empty(out, kind), new()
            if start is None:
                into = room
            else:
                lines.append(f"{into} = linalg.fill ins(%start{start} : {kind}) outs({room} : {tensor(out, kind)}) -> {tensor(out, kind)}")
        maps = ", ".join(affine_map(x, loops) for x in (*(o[1] for o in operands), out))
        kinds = ", ".join(f'"{"parallel" if x in out else "reduction"}"' for x in loops)
        lines.append(f"{value} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} ins("
                     f"{', '.join(o[0] for o in operands)} : {', '.join(tensor(*o[1:]) for o in operands)}) outs({into} : {tensor(out, kind)}) {{")
        lines.append("^bb0(" + ", ".join(f"%i{i}: {o[2]}" for i, o in enumerate(operands)) + f", %out: {kind}):")
        for i, operand in enumerate(operands):
            lines.append(f"  %w{i} = arith.extf %i{i} : {operand[2]} to f32" if operand[2] != "f32" else f"  %w{i} = arith.addf %i{i}, %minus : f32")
        *inner, result = [line.replace("%0", "%w0").replace("%1", "%w1").replace("%2", "%w2") for line in body]
        lines.extend("  " + line for line in inner)
        if kind != "f32":
            lines.append(f"  %t = arith.truncf {result} : f32 to {kind}")
            result = "%t"
        lines.extend([f"  linalg.yield {result} : {kind}", f"}} -> {tensor(out, kind)}"])
        return value, out, kind

    def product(loops, x, w, out, start=0):
        value, result = new(), tensor(out, "f32")
        if start == 0:
            room, start = empty(out, "f32"), new()
            lines.append(f"{start} = linalg.fill ins(%start0 : f32) outs({room} : {result}) -> {result}")
        maps = ", ".join(affine_map(letters, loops) for letters in (x[1], w[1], out))
        kinds = ", ".join(f'"{"parallel" if letter in out else "reduction"}"' for letter in loops)
        lines.append(f"{value} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} ins({x[0]}, {w[0]} : "
                     f"{tensor(*x[1:])}, {tensor(*w[1:])}) outs({start} : {result}) {{")
        lines.append(f"^bb0(%f: {x[2]}, %g: {w[2]}, %s: f32):")
        names = "%f", "%g"
        if dtype != "f32":
            lines.extend(f"  {n}{n[1]} = arith.extf {n} : {dtype} to f32" for n in names)
            names = "%ff", "%gg"
        lines.extend([f"  %p = arith.mulf {names[0]}, {names[1]} : f32", "  %r = arith.addf %s, %p : f32", "  linalg.yield %r : f32",
                      f"}} -> {result}"])
        return value, out, "f32"

    def small(x):
        """x in dtype."""
        return x if dtype == "f32" else generic(x[1], [x], x[1], dtype, None, ["%0"])

    values = {key: (f"%{key}", letters, dtype) for key, letters in INPUTS.items()}
    m = generic("btd", [values["x"]], "bt", "f32", 1, ["%m = arith.maximumf %0, %out : f32", "%m"])
    values["n"] = generic("btd", [values["x"], m, values["scale"]], "btd", dtype, None,
                          ["%c = arith.subf %0, %1 : f32", "%y = arith.mulf %c, %2 : f32", "%y"])
    values["q"] = small(product("bhted", values["n"], values["wq"], "bhte"))
    gate = small(product("btid", values["n"], values["wg"], "bti"))
    up = small(product("btid", values["n"], values["wu"], "bti"))
    values["a"] = generic("bti", [gate, up], "bti", dtype, None, ["%y = arith.mulf %0, %1 : f32", "%y"])
    if dtype == "f32":
        values["y"] = product("btdi", values["a"], values["wd"], "btd", "%x")
    else:
        down = product("btdi", values["a"], values["wd"], "btd")
        values["y"] = generic("btd", [down, values["x"]], "btd", dtype, None, ["%y = arith.addf %0, %1 : f32", "%y"])
    kinds = ", ".join(tensor(RESULTS[key], dtype) for key in returned)
    return "\n".join([f"func.func @{name}({', '.join(f'%{key}: {tensor(letters, dtype)}' for key, letters in INPUTS.items())}) -> ({kinds}) {{",
                      "  %one = arith.constant 1 : index", "  %start0 = arith.constant 0.0 : f32", "  %start1 = arith.constant 0xFF800000 : f32",
                      "  %minus = arith.constant -0.0 : f32", f"  %rows = tensor.dim %x, %one : {tensor('btd', dtype)}",
                      *("  " + line for line in lines), f"  return {', '.join(values[key][0] for key in returned)} : {kinds}", "}"]) + "\n"


CASES = [(f"{widths}_{dtype}{f'_{rows}' if rows else ''}", widths, dtype, rows)
         for widths in WIDTHS for dtype in ("bf16", "f32") for rows in (None, 160)]
TEXT = "".join(program(f"{name}_{kind}", dtype, WIDTHS[widths], rows, returned)
               for name, widths, dtype, rows in CASES for kind, returned in (("all", tuple(RESULTS)), ("few", FEW)))


def arguments(widths, dtype, rows):
    sizes, random = WIDTHS[widths] | dict(b=1, t=rows), np.random.default_rng(rows)
    return {key: rounded(random.standard_normal([sizes[x] for x in letters]).astype(np.float32), dtype) for key, letters in INPUTS.items()}


def call(library, name, dtype, values, returned):
    results = library.call(name, [encode(x, dtype) for x in values.values()], [(len(RESULTS[key]), BITS[dtype]) for key in returned])
    return {key: decode(x, dtype) for key, x in zip(returned, results)}


def steps(dtype, x, scale, wq, wg, wu, wd, n, q, a, y):
    """(name, result, float64 value, bound) of each step."""
    x, scale, wq, wg, wu, wd, n, q, a, y = (v.astype(np.float64) for v in (x, scale, wq, wg, wu, wd, n, q, a, y))
    u = tolerances.W

    def product(spec, left, right):
        size = np.einsum(spec, np.abs(left), np.abs(right))
        return np.einsum(spec, left, right), (tolerances.chain(len(right)) + u) * size
    value = (x - x.max(-1, keepdims=True)) * scale
    yield "n", n, value, tolerances.stored(value, 3 * u * np.abs(value), dtype)
    value, error = product("btd,dhe->bhte", n, wq)
    yield "q", q, value, tolerances.stored(value, error, dtype)
    (gate, gate_error), (up, up_error) = (product("btd,di->bti", n, w) for w in (wg, wu))
    gate_error, up_error = (tolerances.stored(v, e, dtype) for v, e in ((gate, gate_error), (up, up_error)))
    value = gate * up
    error = np.abs(gate) * up_error + np.abs(up) * gate_error + gate_error * up_error
    yield "a", a, value, tolerances.stored(value, error + u * (np.abs(value) + error), dtype)
    value, error = product("bti,id->btd", a, wd)
    error = error + tolerances.chain(2 + a.shape[-1]) * np.abs(x) + u * (np.abs(value) + error)
    yield "y", y, value + x, tolerances.stored(value + x, error, dtype)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_chain(case, form, build):
    name, widths, dtype, rows = case
    library = build(TEXT, *FORMS[form])
    for count in (rows,) if rows else ROWS:
        values = arguments(widths, dtype, count)
        results = call(library, f"{name}_all", dtype, values, tuple(RESULTS))
        for step, result, value, bound in steps(dtype, **values, **results):
            assert_close(f"{step}, {count} rows", result, value, bound)
        for key, result in call(library, f"{name}_few", dtype, values, FEW).items():
            assert_same_bits(f"{key}, {count} rows", result, results[key])


@pytest.mark.parametrize("dtype", ["bf16", "f32"])
def test_threads(dtype, build, threads):
    """The same bits for any number of threads."""
    library = build(TEXT)
    values = arguments("whole", dtype, 1030)
    results = []
    for count in (1, 2, 3):
        with threads(count):
            results.append(call(library, f"whole_{dtype}_few", dtype, values, FEW))
    for other in results[1:]:
        for key in FEW:
            assert_same_bits(key, results[0][key], other[key])


def test_form():
    """One loop over the rows of each function, its products' right factors packed before it."""
    text = infini_opt(TEXT, "--infini-attn-tile=bf16-pairs")
    for function in text.split("func.func")[1:]:
        assert function.count("scf.forall (") == 5
        assert function.count("scf.forall (%arg6) = (0)") == 1
        assert function.rindex("scf.forall (") == function.index("scf.forall (%arg6) = (0)")
