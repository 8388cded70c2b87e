"""A whole decoder layer, Llama-shaped: width 1024, 8 heads of 128 on 2 key/value heads, inner width 2816, delta rule.

Ours is compiled from the text of layer_text.py. Beside it PyTorch, eager and compiled, and what an attention at the machine's
peak would give among PyTorch's own products: its compiled layer without attention (quick: eager), and the operations of attention
over the peak.
"""
import time

import numpy as np
import peers
from layer_text import F32_ARGUMENTS, HEAD, HEADS, INNER, KV_HEADS, WEIGHTS, WIDTH, layer_text
from ours import Ours
from turns import check, difference

TOKENS = 8192
IDEAL = "ideal attention in torch"


def operations(tokens, segment_length):
    products = 2 * WIDTH * (2 * WIDTH + 2 * KV_HEADS * HEAD + 3 * INNER)
    return tokens * products + attention_operations(tokens, segment_length)


def attention_operations(tokens, segment_length):
    """As attention.operations, with fewer updates and reads of keys, of which there are KV_HEADS."""
    n, d = segment_length, HEAD
    updates = tokens * 2 * d * d + (tokens - n) * 2 * d * d
    reads = (tokens - n) * 2 * d * d
    return HEADS * (tokens * (n + 1) * 2 * d + reads) + KV_HEADS * updates


def random_inputs(tokens):
    """{name: float32 array}: x, the weights, the gate's logits, the angles a token."""
    random = np.random.default_rng(0)
    inputs = dict(x=random.standard_normal((1, tokens, WIDTH), np.float32))
    for name, shape in WEIGHTS.items():
        w = random.standard_normal(shape, np.float32)
        fan_in = np.prod(shape[:2] if name == "wo" else shape[:1])
        inputs[name] = 1 + w / 10 if len(shape) == 1 else w * np.float32(fan_in ** -0.5)
    inputs["gate"] = random.standard_normal(F32_ARGUMENTS["gate"], np.float32)
    inputs["frequencies"] = (10000.0 ** (-np.arange(HEAD // 2) / (HEAD // 2))).astype(np.float32)
    return inputs


class Eager:
    """The layer in PyTorch, its own fused attention and matmuls inside."""
    name = "torch eager"

    def __init__(self, dtype, inputs, segment_length, threads):
        import torch
        self.torch, self.threads, self.segment_length = torch, threads, segment_length
        self.f = torch.nn.functional
        kind = torch.float64 if dtype == "f64" else peers.torch_type(dtype)

        def matrix(name, inputs_of):
            """[out, in] in memory, as torch.nn.Linear has it."""
            return torch.from_numpy(inputs[name].reshape(inputs_of, -1)).T.contiguous().to(kind)
        self.x = torch.from_numpy(inputs["x"]).to(kind)
        self.norms = [torch.from_numpy(inputs[name]).to(kind) for name in ("norm1", "norm2")]
        self.wq, self.wk, self.wv, self.wg, self.wu = (matrix(name, WIDTH) for name in ("wq", "wk", "wv", "wg", "wu"))
        self.wo, self.wd = matrix("wo", HEADS * HEAD), matrix("wd", INNER)
        self.weight = torch.from_numpy(inputs["gate"]).sigmoid()[None, :, None, None].to(kind)
        angles = torch.arange(segment_length)[:, None] * torch.from_numpy(inputs["frequencies"])
        self.cos, self.sin = (torch.cat([part, part], -1).to(kind) for part in (angles.cos(), angles.sin()))
        self.state = torch.float64 if dtype == "f64" else torch.float32

    def rotate(self, x):
        first, second = x.chunk(2, -1)
        tokens = x.shape[2]
        return x * self.cos[:tokens] + self.torch.cat([-second, first], -1) * self.sin[:tokens]

    def grouped(self, read, q):
        """read(B x Hkv x (Hq / Hkv) T x D) of the queries that share a key/value head, as B x Hq x T x D."""
        return read(q.reshape(1, KV_HEADS, -1, HEAD)).view(q.shape)

    def segment(self, q, k, v, memory, normalizer):
        """(output, M', z'); memory None: empty."""
        w, torch = self.weight, self.torch
        local = self.f.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True, enable_gqa=True)
        features, update = peers.Eager.sigma(k), v
        if memory is None:
            out = local * (1 - w)
            memory, normalizer = (torch.zeros(1, KV_HEADS, HEAD, size, dtype=self.state) for size in (HEAD, 1))
        else:
            m, z = memory.to(q.dtype), normalizer.to(q.dtype)
            out = torch.lerp(local, self.grouped(lambda x: (x @ m).div_(x @ z), peers.Eager.sigma(q)), w)
            update = v - (features @ m).div_(features @ z)
        return out, memory + features.mT @ update, normalizer + features.sum(2, dtype=self.state)[..., None]

    def attention(self, q, k, v):
        outputs, memory, normalizer = [], None, None
        for start in range(0, q.shape[2], self.segment_length):
            part = [x[:, :, start:start + self.segment_length] for x in (q, k, v)]
            out, memory, normalizer = self.segment(*part, memory, normalizer)
            outputs.append(out)
        return self.torch.cat(outputs, 2)

    def before(self, x):
        """q, k and v of the layer's input, B x H x T x D."""
        normed = self.f.rms_norm(x, (WIDTH,), self.norms[0], 1e-6)
        return [self.f.linear(normed, w).unflatten(-1, (-1, HEAD)).transpose(1, 2) for w in (self.wq, self.wk, self.wv)]

    def after(self, x, attended):
        x = x + self.f.linear(attended.transpose(1, 2).flatten(2), self.wo)
        normed = self.f.rms_norm(x, (WIDTH,), self.norms[1], 1e-6)
        inner = self.f.silu(self.f.linear(normed, self.wg), inplace=True).mul_(self.f.linear(normed, self.wu))
        return self.f.linear(inner, self.wd).add_(x)

    def layer(self):
        return self.after(self.x, self.attention(*self.before(self.x)))

    def __call__(self):
        with self.torch.inference_mode():
            self.torch.set_num_threads(self.threads)
            start = time.perf_counter()
            self.layer()
            return time.perf_counter() - start

    def result(self):
        with self.torch.inference_mode():
            return self.layer().double().numpy()


class Compiled(Eager):
    """The same with torch.compile around the parts before, in and after a segment; compiling is not timed."""
    name = "torch.compile"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.torch.compiler.reset()
        self.before, self.after, self.segment = (self.torch.compile(part, dynamic=False)
                                                 for part in (self.before, self.after, self.segment))
        self()


def without_attention(base):
    """The class of a layer with its queries in place of the attention."""
    return type("WithoutAttention", (base,), dict(name=IDEAL, attention=lambda self, q, k, v: q))


def ours(dtype, inputs, segment_length, threads):
    kinds = [dtype] * (1 + len(WEIGHTS)) + ["f32"] * len(F32_ARGUMENTS)
    return Ours(layer_text(dtype, segment_length), list(zip(inputs.values(), kinds)), dtype, threads)


def plus(run, work, dtype, bench):
    """The run, with the seconds that so many operations take at the machine's peak on top."""
    kind = bench.machine.kind_of(dtype)
    bench.machine.measure(kind, bench.threads)
    peak = bench.machine.peak(kind, bench.threads) * 1e9
    return lambda: run() + (work / peak if peak else 0)


def verify(dtype, segment_length, threads):
    """Our error against PyTorch in float64 over two and a half segments, beside that of PyTorch in dtype: a sentence.

    Raises ValueError where ours is not that of a right result.
    """
    from element_types import rounded
    inputs = {name: x if name in F32_ARGUMENTS else rounded(x, dtype)
              for name, x in random_inputs(5 * segment_length // 2).items()}
    exact = Eager("f64", inputs, segment_length, threads).result()
    result, theirs = (make(dtype, inputs, segment_length, threads).result() for make in (ours, Eager))
    check("layer", result, exact, dtype)
    return f"relative rms error {difference(result, exact):.1e}, PyTorch's {difference(theirs, exact):.1e}"


def compare(bench):
    cases = [(dtype, n) for dtype in ("f32", "bf16") for n in (512, 2048) if bench.wants(f"layer {dtype} N{n}")]
    if bench.quick:
        cases = [case for case in cases if case[1] == 512]
    if not cases:
        return
    bench.table.heading(f"decoder layer: width {WIDTH}, {HEADS} heads of {HEAD}, {KV_HEADS} kv heads, inner width {INNER}, "
                        f"{TOKENS} tokens, {bench.threads_spelled}")
    inputs = random_inputs(TOKENS)
    for dtype, segment_length in cases:
        arguments = dtype, inputs, segment_length, bench.threads
        runs = dict(ours=ours(*arguments))
        for peer in (Eager, without_attention(Eager)) if bench.quick else (Eager, Compiled, without_attention(Compiled)):
            built = bench.build(peer.name, lambda: peer(*arguments))
            if built:
                runs[peer.name] = built
        if Eager.name in runs:
            bench.table.say(f"layer {dtype} N{segment_length}: {verify(dtype, segment_length, bench.threads)}")
            if not bench.quick:
                check("layer", runs["ours"].result(), runs[Eager.name].result(), dtype)
        if IDEAL in runs:
            runs[IDEAL] = plus(runs[IDEAL], attention_operations(TOKENS, segment_length), dtype, bench)
        bench.contest(f"layer {dtype} N{segment_length}", dtype, runs, operations(TOKENS, segment_length))
