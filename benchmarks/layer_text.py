"""A decoder layer in linalg and infini_attn text, the weights as arguments: RMSNorm, projections, rotary, attention, SwiGLU.

  x += attention(norm(x) Wq, norm(x) Wk, norm(x) Wv) Wo
  x += (silu(norm(x) Wg) * (norm(x) Wu)) Wd

x is 1 x T x 1024; each product is summed in f32 and rounded to the element type once, after what is added to it.
"""
WIDTH, HEADS, KV_HEADS, HEAD, INNER = 1024, 8, 2, 128, 2816
WEIGHTS = dict(norm1=(WIDTH,), wq=(WIDTH, HEADS, HEAD), wk=(WIDTH, KV_HEADS, HEAD), wv=(WIDTH, KV_HEADS, HEAD),
               wo=(HEADS, HEAD, WIDTH), norm2=(WIDTH,), wg=(WIDTH, INNER), wu=(WIDTH, INNER), wd=(INNER, WIDTH))
F32_ARGUMENTS = dict(gate=(HEADS,), frequencies=(HEAD // 2,))

HEADER = """\
// b batch row, t token, d component of the width that is summed over, n component of the result, h head, e component of a head.
#all = affine_map<(b, t, n) -> (b, t, n)>
#token = affine_map<(b, t, n) -> (b, t)>
#component = affine_map<(b, t, n) -> (n)>
#heads = affine_map<(b, h, t, e) -> (b, h, t, e)>
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
LOOPS = dict(mm=(3, 1), to_heads=(4, 1), from_heads=(3, 2))  # parallel, summed over


def tensor(shape, dtype):
    return f"tensor<{'x'.join(map(str, shape))}x{dtype}>"


def iterators(parallel, reductions=0):
    return ", ".join(['"parallel"'] * parallel + ['"reduction"'] * reductions)


class Text:
    """The lines of the function. A value is (name, shape, element type)."""

    def __init__(self, dtype):
        self.dtype, self.lines, self.count = dtype, [], 0

    def name(self):
        self.count += 1
        return f"%x{self.count}"

    def empty(self, shape, dtype):
        name = self.name()
        self.lines.append(f"{name} = tensor.empty(%tokens) : {tensor(shape, dtype)}")
        return name, shape, dtype

    def zeros(self, shape):
        (into, _, _), name, kind = self.empty(shape, "f32"), self.name(), tensor(shape, "f32")
        self.lines.append(f"{name} = linalg.fill ins(%zero : f32) outs({into} : {kind}) -> {kind}")
        return name, shape, "f32"

    def generic(self, maps, loops, operands, out, body):
        """body: lines that use %0, %1, ... of the operands, in f32, and %out; the last names the value to yield."""
        name, (into, shape, dtype) = self.name(), out
        indexing = ", ".join("#" + m for m in maps)
        values = ", ".join(x for x, _, _ in operands) + " : " + ", ".join(tensor(*typed) for _, *typed in operands)
        self.lines += [f"{name} = linalg.generic {{indexing_maps = [{indexing}], iterator_types = [{loops}]}}",
                       f"    ins({values}) outs({into} : {tensor(shape, dtype)}) {{"]
        arguments = [f"%i{i}: {kind}" for i, (_, _, kind) in enumerate(operands)]
        self.lines.append(f"^bb0({', '.join(arguments)}, %out: {dtype}):")
        for i, (_, _, kind) in enumerate(operands):
            if kind != "f32":
                self.lines.append(f"  %w{i} = arith.extf %i{i} : {kind} to f32")
            body = [line.replace(f"%{i}", f"%i{i}" if kind == "f32" else f"%w{i}") for line in body]
        *body, result = body
        self.lines += ["  " + line for line in body]
        if dtype != "f32":
            self.lines.append(f"  %narrow = arith.truncf {result} : f32 to {dtype}")
            result = "%narrow"
        self.lines += [f"  linalg.yield {result} : {dtype}", f"}} -> {tensor(shape, dtype)}"]
        return name, shape, dtype

    def product(self, kind, x, w, shape, add=None):
        """x * w, or add + x * w."""
        exact = self.dtype == "f32"
        maps = [f"{kind}_{part}" for part in "xwy"]
        body = ["%p = arith.mulf %0, %1 : f32", "%s = arith.addf %out, %p : f32", "%s"]
        total = self.generic(maps, iterators(*LOOPS[kind]), [x, w], add if add and exact else self.zeros(shape), body)
        if exact:
            return total
        operands, body = ([total, add], ["%s = arith.addf %0, %1 : f32", "%s"]) if add else ([total], ["%0"])
        maps = ["heads" if kind == "to_heads" else "all"] * (len(operands) + 1)
        return self.generic(maps, iterators(len(shape)), operands, self.empty(shape, self.dtype), body)

    def rms_norm(self, x, w):
        """x / sqrt(mean(x^2) + 1e-6) * w."""
        total = self.generic(["all", "token"], iterators(2, 1), [x], self.zeros((1, "?")),
                             ["%square = arith.mulf %0, %0 : f32", "%s = arith.addf %out, %square : f32", "%s"])
        return self.generic(["all", "token", "component", "all"], iterators(3), [x, total, w], self.empty(x[1], self.dtype),
                            ["%mean = arith.divf %1, %width : f32", "%shifted = arith.addf %mean, %epsilon : f32",
                             "%root = math.sqrt %shifted : f32", "%unit = arith.divf %0, %root : f32",
                             "%y = arith.mulf %unit, %2 : f32", "%y"])

    def swiglu(self, gate, up):
        """silu(gate) * up."""
        return self.generic(["all"] * 3, iterators(3), [gate, up], self.empty(gate[1], self.dtype),
                            ["%minus = arith.negf %0 : f32", "%e = math.exp %minus : f32", "%divisor = arith.addf %e, %one : f32",
                             "%silu = arith.divf %0, %divisor : f32", "%y = arith.mulf %silu, %1 : f32", "%y"])

    def attention(self, q, k, v, segment_length):
        name, out = self.name(), self.empty(q[1], self.dtype)
        memory, normalizer = tensor((1, KV_HEADS, HEAD, HEAD), "f32"), tensor((1, KV_HEADS, HEAD), "f32")
        queries, keys = tensor(q[1], self.dtype), tensor(k[1], self.dtype)
        self.lines += [f"%m = tensor.splat %zero : {memory}", f"%z = tensor.splat %zero : {normalizer}",
                       f"{name}:3 = infini_attn.attention {q[0]}, {k[0]}, {v[0]}, %gate",
                       f"    rotary(%frequencies : tensor<{HEAD // 2}xf32>)",
                       f"    outs({out[0]}, %m, %z : {queries}, {memory}, {normalizer})",
                       f"    {{segment_length = {segment_length}, rule = #infini_attn.update_rule<delta>, "
                       "rotary_style = #infini_attn.rotary_style<halves>}",
                       f"    : {queries}, {keys}, {keys}, tensor<{HEADS}xf32> -> {queries}, {memory}, {normalizer}"]
        return f"{name}#0", q[1], self.dtype


def layer_text(dtype, segment_length):
    """@f(x, weights in the order of WEIGHTS, gate, frequencies)."""
    text, hidden = Text(dtype), (1, "?", WIDTH)
    weights = {name: (f"%{name}", shape, dtype) for name, shape in WEIGHTS.items()}
    x = "%x", hidden, dtype
    normed = text.rms_norm(x, weights["norm1"])
    q, k, v = (text.product("to_heads", normed, weights[name], (1, heads, "?", HEAD))
               for name, heads in (("wq", HEADS), ("wk", KV_HEADS), ("wv", KV_HEADS)))
    x = text.product("from_heads", text.attention(q, k, v, segment_length), weights["wo"], hidden, add=x)
    normed = text.rms_norm(x, weights["norm2"])
    gate, up = (text.product("mm", normed, weights[name], (1, "?", INNER)) for name in ("wg", "wu"))
    x = text.product("mm", text.swiglu(gate, up), weights["wd"], hidden, add=x)

    arguments = [("x", tensor(hidden, dtype))] + [(name, tensor(shape, dtype)) for name, shape in WEIGHTS.items()] + [
        (name, tensor(shape, "f32")) for name, shape in F32_ARGUMENTS.items()]
    constants = ["%c1 = arith.constant 1 : index", "%zero = arith.constant 0.0 : f32", "%one = arith.constant 1.0 : f32",
                 "%epsilon = arith.constant 1.0e-6 : f32", f"%width = arith.constant {WIDTH}.0 : f32",
                 f"%tokens = tensor.dim %x, %c1 : {tensor(hidden, dtype)}"]
    result = tensor(hidden, dtype)
    return "\n".join([HEADER, f"func.func @f({', '.join(f'%{name}: {kind}' for name, kind in arguments)}) -> {result} {{",
                      *("  " + line for line in constants + text.lines), f"  return {x[0]} : {result}", "}", ""])
