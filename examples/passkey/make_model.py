#!/usr/bin/env python3
"""Writes the pass-key model as a program over a whole sequence: passkey-linear.mlir and passkey-delta.mlir.

  make_model.py [FOLDER]   default: beside this script, where the written files are committed

The same model as model.py, in plain linalg: token ids of any batch and length, weights as arguments named as in the
safetensors file (README.md), logits out. The vocabulary may have any size.
"""

import pathlib
import sys

WIDTH, HIDDEN, HEADS, HEAD, LAYERS, SEGMENT = 128, 512, 4, 32, 2, 128
ACTIVATIONS = f"tensor<?x?x{WIDTH}xf32>"
PER_HEAD = f"tensor<?x{HEADS}x?x{HEAD}xf32>"
MEMORY, NORMALIZER = f"tensor<?x{HEADS}x{HEAD}x{HEAD}xf32>", f"tensor<?x{HEADS}x{HEAD}xf32>"

HEADER = """\
// Written by make_model.py: the pass-key model over a whole sequence, {rule} rule.
//
// b batch row, t token, d component of the model's width, n output of a product, h head, e component of a head.

#all = affine_map<(b, t, d) -> (b, t, d)>
#token = affine_map<(b, t, d) -> (b, t)>
#component = affine_map<(b, t, d) -> (d)>
// y[b, t, n] += x[b, t, d] * w[d, n]
#mm_x = affine_map<(b, t, n, d) -> (b, t, d)>
#mm_w = affine_map<(b, t, n, d) -> (d, n)>
#mm_y = affine_map<(b, t, n, d) -> (b, t, n)>
// y[b, h, t, e] += x[b, t, d] * w[d, h, e]
#to_heads_x = affine_map<(b, h, t, e, d) -> (b, t, d)>
#to_heads_w = affine_map<(b, h, t, e, d) -> (d, h, e)>
#to_heads_y = affine_map<(b, h, t, e, d) -> (b, h, t, e)>
// y[b, t, n] += x[b, h, t, e] * w[h, e, n]
#from_heads_x = affine_map<(b, t, n, h, e) -> (b, h, t, e)>
#from_heads_w = affine_map<(b, t, n, h, e) -> (h, e, n)>
#from_heads_y = affine_map<(b, t, n, h, e) -> (b, t, n)>

"""


def arguments():
    """(name in the weights file, type) of each argument."""
    result = [("tokens", "tensor<?x?xi32>"), ("embedding.weight", f"tensor<?x{WIDTH}xf32>")]
    for layer in range(LAYERS):
        result += [(f"layers.{layer}.{name}", f"tensor<{shape}xf32>") for name, shape in (
            ("attention_norm.weight", WIDTH), ("qkv.weight", f"{WIDTH}x{3 * WIDTH}"), ("gate", HEADS),
            ("output.weight", f"{WIDTH}x{WIDTH}"), ("mlp_norm.weight", WIDTH), ("up.weight", f"{WIDTH}x{HIDDEN}"),
            ("down.weight", f"{HIDDEN}x{WIDTH}"))]
    return result + [("norm.weight", f"tensor<{WIDTH}xf32>"), ("logits.weight", f"tensor<{WIDTH}x?xf32>"),
                     ("rotary_frequencies", f"tensor<{HEAD // 2}xf32>")]


def value(name):
    """The SSA value of an argument."""
    return "%" + name.removesuffix(".weight").replace(".", "_")


class Text:
    """The lines of the function, and names that are used once."""

    def __init__(self):
        self.lines, self.count = [], 0

    def add(self, text):
        self.lines += ["  " + line if line else "" for line in text.strip("\n").split("\n")]

    def fresh(self):
        self.count += 1
        return f"%x{self.count}"

    def comment(self, text):
        self.lines += ["", f"  // {text}"]


def empty(f, type, *sizes):
    result = f.fresh()
    f.add(f"{result} = tensor.empty({', '.join(sizes)}) : {type}")
    return result


def zeros(f, type, *sizes):
    into, result = empty(f, type, *sizes), f.fresh()
    f.add(f"{result} = linalg.fill ins(%zero : f32) outs({into} : {type}) -> {type}")
    return result


def product(f, kind, x, x_type, w, w_type, init, type):
    """init + x * w; kind: the maps, mm, to_heads or from_heads."""
    parallel = {"mm": 3, "to_heads": 4, "from_heads": 3}[kind]
    reductions = {"mm": 1, "to_heads": 1, "from_heads": 2}[kind]
    loops = ", ".join(['"parallel"'] * parallel + ['"reduction"'] * reductions)
    result = f.fresh()
    f.add(f"""
{result} = linalg.generic {{indexing_maps = [#{kind}_x, #{kind}_w, #{kind}_y], iterator_types = [{loops}]}}
    ins({x}, {w} : {x_type}, {w_type}) outs({init} : {type}) {{
^bb0(%xi: f32, %wi: f32, %yi: f32):
  %p = arith.mulf %xi, %wi : f32
  %s = arith.addf %yi, %p : f32
  linalg.yield %s : f32
}} -> {type}""")
    return result


def matmul(f, x, w, inputs, outputs, init=None):
    """x * w, or init + x * w."""
    type = f"tensor<?x?x{outputs}xf32>"
    sizes = ["%batch", "%length"] + (["%vocabulary"] if outputs == "?" else [])
    return product(f, "mm", x, f"tensor<?x?x{inputs}xf32>", w, f"tensor<{inputs}x{outputs}xf32>",
                   init or zeros(f, type, *sizes), type)


def rms_norm(f, x, w):
    """x / sqrt(mean(x^2) + 1e-6) * w."""
    squares, into, result = zeros(f, "tensor<?x?xf32>", "%batch", "%length"), None, f.fresh()
    total = f.fresh()
    f.add(f"""
{total} = linalg.generic {{indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]}}
    ins({x} : {ACTIVATIONS}) outs({squares} : tensor<?x?xf32>) {{
^bb0(%xi: f32, %sum: f32):
  %square = arith.mulf %xi, %xi : f32
  %s = arith.addf %sum, %square : f32
  linalg.yield %s : f32
}} -> tensor<?x?xf32>""")
    into = empty(f, ACTIVATIONS, "%batch", "%length")
    f.add(f"""
{result} = linalg.generic {{indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]}}
    ins({x}, {total}, {w} : {ACTIVATIONS}, tensor<?x?xf32>, tensor<{WIDTH}xf32>) outs({into} : {ACTIVATIONS}) {{
^bb0(%xi: f32, %sum: f32, %wi: f32, %out: f32):
  %mean = arith.divf %sum, %width : f32
  %shifted = arith.addf %mean, %epsilon : f32
  %root = math.sqrt %shifted : f32
  %unit = arith.divf %xi, %root : f32
  %y = arith.mulf %unit, %wi : f32
  linalg.yield %y : f32
}} -> {ACTIVATIONS}""")
    return result


def heads(f, x, qkv, part):
    """q, k or v: part 0, 1 or 2 of the projection's columns, each head after head."""
    type = f"tensor<{WIDTH}x{WIDTH}xf32>"
    per_head = f"tensor<{WIDTH}x{HEADS}x{HEAD}xf32>"
    columns, w = f.fresh(), f.fresh()
    f.add(f"""
{columns} = tensor.extract_slice {qkv}[0, {part * WIDTH}] [{WIDTH}, {WIDTH}] [1, 1]
    : tensor<{WIDTH}x{3 * WIDTH}xf32> to {type}
{w} = tensor.expand_shape {columns} [[0], [1, 2]] output_shape [{WIDTH}, {HEADS}, {HEAD}] : {type} into {per_head}""")
    return product(f, "to_heads", x, ACTIVATIONS, w, per_head, zeros(f, PER_HEAD, "%batch", "%length"), PER_HEAD)


def attention(f, x, layer, rule):
    """x + attention(norm(x)) * output."""
    def weight(name):
        return value(f"layers.{layer}.{name}.weight")
    normed = rms_norm(f, x, weight("attention_norm"))
    q, k, v = (heads(f, normed, weight("qkv"), part) for part in range(3))
    o = empty(f, PER_HEAD, "%batch", "%length")
    memory, normalizer = zeros(f, MEMORY, "%batch"), zeros(f, NORMALIZER, "%batch")
    attended, w = f.fresh(), f.fresh()
    f.add(f"""
{attended}:3 = infini_attn.attention {q}, {k}, {v}, {value(f'layers.{layer}.gate')}
    rotary(%rotary_frequencies : tensor<{HEAD // 2}xf32>)
    outs({o}, {memory}, {normalizer} : {PER_HEAD}, {MEMORY}, {NORMALIZER})
    {{rule = #infini_attn.update_rule<{rule}>, segment_length = {SEGMENT}}}
    : {PER_HEAD}, {PER_HEAD}, {PER_HEAD}, tensor<{HEADS}xf32>
    -> {PER_HEAD}, {MEMORY}, {NORMALIZER}
{w} = tensor.expand_shape {weight('output')} [[0, 1], [2]] output_shape [{HEADS}, {HEAD}, {WIDTH}]
    : tensor<{WIDTH}x{WIDTH}xf32> into tensor<{HEADS}x{HEAD}x{WIDTH}xf32>""")
    return product(f, "from_heads", f"{attended}#0", PER_HEAD, w, f"tensor<{HEADS}x{HEAD}x{WIDTH}xf32>", x, ACTIVATIONS)


def mlp(f, x, layer):
    """x + silu(norm(x) * up) * down."""
    type = f"tensor<?x?x{HIDDEN}xf32>"
    up = matmul(f, rms_norm(f, x, value(f"layers.{layer}.mlp_norm.weight")), value(f"layers.{layer}.up.weight"),
                WIDTH, HIDDEN)
    into, hidden = empty(f, type, "%batch", "%length"), f.fresh()
    f.add(f"""
{hidden} = linalg.generic {{indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}}
    ins({up} : {type}) outs({into} : {type}) {{
^bb0(%xi: f32, %out: f32):
  %minus = arith.negf %xi : f32
  %e = math.exp %minus : f32
  %divisor = arith.addf %e, %one : f32
  %y = arith.divf %xi, %divisor : f32
  linalg.yield %y : f32
}} -> {type}""")
    return matmul(f, hidden, value(f"layers.{layer}.down.weight"), HIDDEN, WIDTH, init=x)


def embedding(f):
    """The table's row of each token."""
    into, result = empty(f, ACTIVATIONS, "%batch", "%length"), f.fresh()
    f.add(f"""
{result} = linalg.generic {{indexing_maps = [#token, #all], iterator_types = ["parallel", "parallel", "parallel"]}}
    ins(%tokens : tensor<?x?xi32>) outs({into} : {ACTIVATIONS}) {{
^bb0(%token: i32, %out: f32):
  %row = arith.index_cast %token : i32 to index
  %d = linalg.index 2 : index
  %y = tensor.extract %embedding[%row, %d] : tensor<?x{WIDTH}xf32>
  linalg.yield %y : f32
}} -> {ACTIVATIONS}""")
    return result


def model(rule):
    """The text of the module."""
    f = Text()
    f.add(f"""
%zero = arith.constant 0.0 : f32
%one = arith.constant 1.0 : f32
%epsilon = arith.constant 1.0e-6 : f32
%width = arith.constant {WIDTH}.0 : f32
%c0 = arith.constant 0 : index
%c1 = arith.constant 1 : index
%batch = tensor.dim %tokens, %c0 : tensor<?x?xi32>
%length = tensor.dim %tokens, %c1 : tensor<?x?xi32>
%vocabulary = tensor.dim %logits, %c1 : tensor<{WIDTH}x?xf32>""")
    f.comment("embedding")
    x = embedding(f)
    for layer in range(LAYERS):
        f.comment(f"layer {layer}: attention")
        x = attention(f, x, layer, rule)
        f.comment(f"layer {layer}: MLP")
        x = mlp(f, x, layer)
    f.comment("logits")
    logits = matmul(f, rms_norm(f, x, "%norm"), "%logits", WIDTH, "?")
    f.add(f"return {logits} : tensor<?x?x?xf32>")
    parameters = ",\n".join(f'    {value(name)}: {type} {{infini_attn.name = "{name}"}}' for name, type in arguments())
    return (HEADER.format(rule=rule) + f"func.func @lm(\n{parameters})\n    -> tensor<?x?x?xf32> {{\n"
            + "\n".join(f.lines) + "\n}\n")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent
    for rule in ("linear", "delta"):
        (folder / f"passkey-{rule}.mlir").write_text(model(rule))


if __name__ == "__main__":
    main()
