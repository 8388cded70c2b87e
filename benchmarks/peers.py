"""The same attention by others: each class takes (dtype, inputs, segment_length, threads), and a call gives its seconds.

inputs: q, k, v (1 x H x T x D) and the gate's logits (H), float32. ImportError where a package is missing. PyTorch keeps the
memory in f32 and multiplies in the type of the activations, as does our code.
"""
import subprocess
import time

import numpy as np
from ours import BIN


def torch_type(dtype):
    import torch
    return dict(f32=torch.float32, bf16=torch.bfloat16, f16=torch.float16)[dtype]


class Eager:
    """PyTorch, as fast as it can be written: its fused attention inside a segment, few passes over memory around it."""
    name = "torch eager"

    def __init__(self, dtype, inputs, segment_length, threads):
        import torch
        self.torch, self.segment_length, self.threads = torch, segment_length, threads
        self.attend = torch.nn.functional.scaled_dot_product_attention
        self.q, self.k, self.v = (torch.from_numpy(x).to(torch_type(dtype)) for x in inputs[:3])
        self.weight = torch.from_numpy(inputs[3]).sigmoid()[None, :, None, None].to(self.q.dtype)

    def segments(self):
        """(slice of the tokens, q, k, v) of each segment."""
        for start in range(0, self.q.shape[2], self.segment_length):
            part = slice(start, start + self.segment_length)
            yield part, *(x[:, :, part] for x in (self.q, self.k, self.v))

    def attention(self):
        torch, w = self.torch, self.weight
        out = torch.empty_like(self.q)
        heads, width = self.q.shape[1], self.q.shape[3]
        memory, normalizer = torch.zeros(1, heads, width, width), torch.zeros(1, heads, width, 1)
        for part, q, k, v in self.segments():
            local, features, update = self.attend(q, k, v, is_causal=True), self.sigma(k), v
            if part.start == 0:
                torch.mul(local, 1 - w, out=out[:, :, part])
            else:
                m, z, queries = memory.to(q.dtype), normalizer.to(q.dtype), self.sigma(q)
                torch.lerp(local, (queries @ m).div_(queries @ z), w, out=out[:, :, part])
                update = v - (features @ m).div_(features @ z)
            memory += features.mT @ update
            normalizer += features.sum(2, dtype=torch.float32)[..., None]
        return out

    @staticmethod
    def sigma(x):
        """x + 1 where x > 0, else exp(x); 15% faster in all than by elu(x) + 1."""
        return x.clamp(max=0).exp_().add_(x.clamp(min=0))

    def __call__(self):
        with self.torch.inference_mode():
            self.torch.set_num_threads(self.threads)
            start = time.perf_counter()
            self.attention()
            return time.perf_counter() - start

    def result(self):
        with self.torch.inference_mode():
            self.torch.set_num_threads(self.threads)
            return self.attention().float().numpy()


class Compiled(Eager):
    """torch.compile of the first and of the later segments; compiling is not timed."""
    name = "torch.compile"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        torch, elu, attend = self.torch, self.torch.nn.functional.elu, self.attend
        torch.compiler.reset()

        def first(q, k, v, w):
            features = elu(k) + 1
            return attend(q, k, v, is_causal=True) * (1 - w), (features.mT @ v).float(), features.float().sum(2)[..., None]

        def later(q, k, v, w, memory, normalizer):
            features, queries = elu(k) + 1, elu(q) + 1
            m, z = memory.to(q.dtype), normalizer.to(q.dtype)
            out = w * (queries @ m / (queries @ z)) + (1 - w) * attend(q, k, v, is_causal=True)
            update = v - features @ m / (features @ z)
            return out, memory + (features.mT @ update).float(), normalizer + features.float().sum(2)[..., None]

        self.first, self.later = (torch.compile(f, dynamic=False) for f in (first, later))

    def attention(self):
        out, state = self.torch.empty_like(self.q), ()
        for part, q, k, v in self.segments():
            step = self.later if state else self.first
            out[:, :, part], *state = step(q, k, v, self.weight, *state)
        return out


class FullAttention(Eager):
    """Causal attention over all tokens at once: what Infini-attention replaces. Another result."""
    name = "torch full attention"

    def attention(self):
        return self.attend(self.q, self.k, self.v, is_causal=True)

    result = None


class Lucidrains(Eager):
    """The inner part of infini-transformer-pytorch 0.2.1's CausalAttention, without rotation, around its own FastweightMemory."""
    name = "lucidrains 0.2.1"

    def __init__(self, dtype, inputs, segment_length, threads):
        super().__init__(dtype, inputs, segment_length, threads)
        from einops import einsum
        from infini_transformer_pytorch.infini_transformer import FastweightMemory
        self.einsum = einsum
        self.memory = FastweightMemory(self.q.shape[1], use_mem_delta_rule=True)
        self.memory.head_gates.data = -self.torch.from_numpy(inputs[3])  # there the sigmoid weighs the local part
        self.memory.to(self.q.dtype)

    def attention(self):
        torch, state, outputs = self.torch, None, []
        for _, q, k, v in self.segments():
            scores = self.einsum(q * q.shape[3] ** -0.5, k, "... i d, ... j d -> ... i j")
            later = torch.ones(scores.shape[2:], dtype=torch.bool).triu(1)
            weights = scores.masked_fill(later, -torch.finfo(scores.dtype).max).softmax(dim=-1)
            local = self.einsum(weights, v, "... i j, ... j d -> ... i d")
            outputs.append(self.memory.retrieve_and_add_to_output(local, q, state))
            state = self.memory.create_new_memories(k, v, state)
        return torch.cat(outputs, 2)

    def result(self):
        """With the gate on the first segment too, which the package leaves out."""
        result = super().result()
        result[:, :, :self.segment_length] *= 1 - self.weight.float().numpy()
        return result


class Iree:
    """IREE on the linalg that infini-opt makes of one segment: what a general compiler gives without a tiling of ours."""
    name = "iree"

    def __init__(self, dtype, inputs, segment_length, threads):
        import iree.compiler
        import iree.runtime as runtime
        import ml_dtypes
        _, heads, tokens, width = inputs[0].shape
        activation, memory = f"tensor<1x{heads}x{segment_length}x{width}x{dtype}>", f"tensor<1x{heads}x{width}x{width}xf32>"
        types = f"{activation}, {memory}, tensor<1x{heads}x{width}xf32>"
        text = f"""func.func @segment(%q: {activation}, %k: {activation}, %v: {activation}, %gate: tensor<{heads}xf32>,
    %m: {memory}, %z: tensor<1x{heads}x{width}xf32>) -> ({types}) {{
  %o = tensor.empty() : {activation}
  %r:3 = infini_attn.segment %q, %k, %v, %gate outs(%o, %m, %z : {types}) {{rule = #infini_attn.update_rule<delta>}}
      : {activation}, {activation}, {activation}, tensor<{heads}xf32> -> {types}
  return %r#0, %r#1, %r#2 : {types}
}}"""
        linalg = subprocess.run([BIN / "infini-opt", "--convert-infini-attn-to-linalg", "--canonicalize"], input=text,
                                capture_output=True, text=True, check=True).stdout
        program = iree.compiler.compile_str(linalg, target_backends=["llvm-cpu"],
                                            extra_args=["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"])
        runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
        config = runtime.Config("local-task")
        context = runtime.SystemContext(config=config)
        context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, program))
        self.segment = context.modules.module.segment

        def array(x, kind="f32"):
            kind = dict(f32=np.float32, bf16=ml_dtypes.bfloat16)[kind]
            return runtime.asdevicearray(config.device, np.ascontiguousarray(x, kind))
        self.inputs = [[array(x[:, :, start:start + segment_length], dtype) for x in inputs[:3]]
                       for start in range(0, tokens, segment_length)]
        self.gate = array(inputs[3])
        self.state = [array(np.zeros((1, heads, width, width))), array(np.zeros((1, heads, width)))]

    def attention(self):
        outputs, state = [], self.state
        for q, k, v in self.inputs:
            out, *state = self.segment(q, k, v, self.gate, *state)
            outputs.append(out)
        return outputs

    def __call__(self):
        start = time.perf_counter()
        self.attention()
        return time.perf_counter() - start

    def result(self):
        return np.concatenate([out.to_host().astype(np.float32) for out in self.attention()], 2)
