"""One token after 1,024 cached keys, 8 heads: the local attention, the read of the memory, the gate.

Such a step reads its state once, B H (2 n d s + 4 d^2) bytes (keys, values of s bytes each, M in f32), and does little with
it. So it is held against the bandwidth at which as many threads read as many bytes over and over, wherever they lie.
"""
import time

import numpy as np
import peers
from ours import Ours
from turns import Row, check, repeated, take_turns

HEADS, KEYS, WIDTH = 8, 1024, 128


def text(dtype):
    query, cache = f"tensor<1x{HEADS}x1x{WIDTH}x{dtype}>", f"tensor<1x{HEADS}x{KEYS}x{WIDTH}x{dtype}>"
    memory, normalizer = f"tensor<1x{HEADS}x{WIDTH}x{WIDTH}xf32>", f"tensor<1x{HEADS}x{WIDTH}xf32>"
    return f"""func.func @f(%q: {query}, %k: {cache}, %v: {cache}, %gate: tensor<{HEADS}xf32>, %m: {memory}, %z: {normalizer})
    -> {query} {{
  %local = infini_attn.segment_attention %q, %k, %v : {query}, {cache}, {cache} -> {query}
  %read = infini_attn.memory_retrieve %q, %m, %z : {query}, {memory}, {normalizer} -> {query}
  %o = infini_attn.gate %read, %local, %gate : {query}, {query}, tensor<{HEADS}xf32> -> {query}
  return %o : {query}
}}
"""


class Eager:
    """PyTorch with its fused attention."""
    name = "torch eager"

    def __init__(self, dtype, inputs, threads):
        import torch
        self.torch, self.threads, kind = torch, threads, peers.torch_type(dtype)
        q, k, v, gate, memory, normalizer = (torch.from_numpy(x) for x in inputs)
        self.q, self.k, self.v, self.memory = (x.to(kind) for x in (q, k, v, memory))
        self.normalizer, self.weight = normalizer[..., None].to(kind), gate.sigmoid()[None, :, None, None].to(kind)

    def local(self):
        return self.torch.nn.functional.scaled_dot_product_attention(self.q, self.k, self.v)

    def step(self):
        features = peers.Eager.sigma(self.q)
        return self.torch.lerp(self.local(), features @ self.memory / (features @ self.normalizer), self.weight)

    def __call__(self):
        with self.torch.inference_mode():
            self.torch.set_num_threads(self.threads)
            start = time.perf_counter()
            self.step()
            return time.perf_counter() - start

    def result(self):
        with self.torch.inference_mode():
            return self.step().float().numpy()


class Products(Eager):
    """The same with two matmuls and a softmax, which for one query may be faster."""
    name = "torch eager, matmuls"

    def local(self):
        return (self.q * WIDTH ** -0.5 @ self.k.mT).softmax(-1) @ self.v


def compare(bench):
    cases = [dtype for dtype in ("f32", "bf16") if bench.wants(f"decode {dtype}")]
    if not cases:
        return
    bench.table.heading(f"decode: one query, {KEYS} cached keys, {HEADS} heads of {WIDTH}, {bench.threads_spelled}; "
                        "shares of the bandwidth of the state's memory level")
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal((1, HEADS, n, WIDTH), np.float32) for n in (1, KEYS, KEYS))
    memory = random.standard_normal((1, HEADS, WIDTH, WIDTH), np.float32)
    inputs = [q, k, v, np.zeros(HEADS, np.float32), memory, random.random((1, HEADS, WIDTH), np.float32) + 1]
    for dtype in cases:
        kinds = [dtype] * 3 + ["f32"] * 3
        runs = dict(ours=Ours(text(dtype), list(zip(inputs, kinds)), dtype, bench.threads))
        for peer in (Eager, Products):
            built = bench.build(peer.name, lambda: peer(dtype, inputs, bench.threads))
            if built:
                check("ours", runs["ours"].result(), built.result(), dtype)
                runs[peer.name] = built
        size = HEADS * (2 * KEYS * WIDTH * (4 if dtype == "f32" else 2) + 4 * WIDTH * WIDTH)
        reading = []
        best = take_turns({name: repeated(run) for name, run in runs.items()}, bench.rounds, 10.0,
                          [lambda: reading.append(bench.machine.bandwidth(size, bench.threads))])
        bandwidth = max(reading)
        for name, seconds in best.items():
            rate = size / seconds * 1e-9
            bench.table.add(Row(f"decode {dtype}", name, seconds, rate / bandwidth if bandwidth else None,
                                seconds / best["ours"], f"{rate:.0f} of {bandwidth:.0f} GB/s",
                                dict(gigabytes_per_second=rate, bandwidth=bandwidth)))
