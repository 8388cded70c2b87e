"""The pass-key language model in PyTorch: token ids -> embedding -> blocks -> RMSNorm -> logits.

A block is x += attention(norm(x)) @ output; x += silu(norm(x) @ up) @ down, with Infini-attention as docs/spec.md
defines it. All segments of a chunk are computed at once; only the delta rule's memory needs a chain over segments.
Matrices are stored [in, out] (y = x @ W).
"""

import torch
from torch import nn
from torch.nn import functional as F


class Sigma(torch.autograd.Function):
    """x + 1 if x > 0 else exp(x) [S2], written max(x, 0) + exp(min(x, 0)); the derivative is min(1, sigma(x))."""

    @staticmethod
    def forward(context, x):
        y = x.clamp(max=0).exp_().add_(x.clamp(min=0))
        context.save_for_backward(y)
        return y

    @staticmethod
    def backward(context, gradient):
        return gradient * context.saved_tensors[0].clamp(max=1)


sigma = Sigma.apply


def divide(numerator, denominator):
    """numerator / denominator, 0 where the denominator is 0 [S9]; numerator [..., Dv], denominator [..., 1]."""
    empty = denominator == 0
    return numerator * torch.where(empty, 0, 1 / torch.where(empty, 1, denominator))


def growth(z, is_first):
    """max dz / z_{s-1} over batch, heads, components and the segments from the second of the stream on [F3]; 0 for none.

    z [B, S + 1, H, Dk]: the normalizers before each of S segments and after the last. is_first: the first is the stream's.
    """
    z = z[:, 1 if is_first else 0 :].detach()
    gained = z.diff(dim=1)
    return torch.where(gained == 0, 0, gained / z[:, :-1]).amax().item() if gained.numel() else 0.0


class Matrix(nn.Module):
    """y = x @ weight, weight [inputs, outputs], no bias. With bf16 set, the product's factors and result are bf16."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * inputs**-0.5)
        self.bf16 = False

    def forward(self, x, columns=slice(None)):
        weight = self.weight[:, columns]
        return x.bfloat16() @ weight.bfloat16() if self.bf16 else x @ weight


class Layer(nn.Module):
    """One block. x: [B, S, N, D], S whole segments of N tokens.

    memory: (M [B, H, Dk, Dv], z [B, H, Dk]) before the first of them, or None for an empty one.
    factors: [B, S] or None; each segment's update counts that many times (training only: a long text in a short one).
    last: how many of the segments need an output (the others only feed the memory), None for all.
    growth, after a call without gradients: the health figure of its segments.
    """

    def __init__(self, width, hidden, heads, segment, rule):
        super().__init__()
        self.heads, self.segment, self.rule = heads, segment, rule
        self.attention_norm = nn.RMSNorm(width, eps=1e-6)
        self.qkv = Matrix(width, 3 * width)
        self.gate = nn.Parameter(torch.zeros(heads))
        self.output = Matrix(width, width)
        self.mlp_norm = nn.RMSNorm(width, eps=1e-6)
        self.up = Matrix(width, hidden)
        self.down = Matrix(hidden, width)

    def forward(self, x, rotary, memory=None, factors=None, last=None):
        first = 0 if last is None else max(x.shape[1] - last, 0)
        normed = self.attention_norm(x)
        width = x.shape[-1]
        k, v = self.split(self.qkv(normed, slice(width, None)), 2)
        q = self.split(self.qkv(normed[:, first:], slice(width)), 1)[0]
        local = F.scaled_dot_product_attention(
            rotate(q, rotary).flatten(0, 1), rotate(k[:, first:], rotary).flatten(0, 1), v[:, first:].flatten(0, 1),
            is_causal=True).view_as(q)
        M, z, memory = self.scan(sigma(k), v, memory, factors)
        queries = sigma(q)
        read = divide(queries @ M[:, first:], queries @ z[:, first:].unsqueeze(-1))
        mixed = local.lerp(read, torch.sigmoid(self.gate).view(-1, 1, 1))  # (1 - g) local + g read [S5]
        x = x[:, first:] + self.output(mixed.transpose(2, 3).flatten(3))
        return x + self.down(F.silu(self.up(self.mlp_norm(x)))), memory

    def split(self, projected, parts):
        """[B, S, N, parts * H * Dk] -> parts x [B, S, H, N, Dk], f32 (the memory always is [S1])."""
        return projected.to(self.gate.dtype).unflatten(-1, (parts, self.heads, -1)).permute(3, 0, 1, 4, 2, 5).unbind(0)

    def scan(self, keys, v, memory, factors):
        """Memories before each segment, M [B, S, H, Dk, Dv] and z [B, S, H, Dk], and the memory after the last."""
        is_first = memory is None
        if is_first:
            memory = (keys.new_zeros(keys.shape[0], *keys.shape[2:3], keys.shape[-1], v.shape[-1]),
                      keys.new_zeros(keys.shape[0], keys.shape[2], keys.shape[-1]))
        weighted = keys if factors is None else keys * factors[:, :, None, None, None]
        z = torch.cat([memory[1].unsqueeze(1), weighted.sum(-2)], 1).cumsum(1)  # [S7]
        if not torch.is_grad_enabled():
            self.growth = growth(z, is_first)
        if self.rule == "linear":
            M = torch.cat([memory[0].unsqueeze(1), weighted.transpose(-1, -2) @ v], 1).cumsum(1)
        else:
            divisor = keys @ z[:, :-1].unsqueeze(-1)
            states = [memory[0]]
            for s in range(keys.shape[1]):
                residual = v[:, s] - divide(keys[:, s] @ states[-1], divisor[:, s])  # [S6]
                states.append(states[-1] + weighted[:, s].transpose(-1, -2) @ residual)
            M = torch.stack(states, 1)
        return M[:, :-1], z[:, :-1], (M[:, -1], z[:, -1])


def rotate(x, rotary):
    """Interleaved pairs (x[2i], x[2i+1]) turned by position * frequency_i [S11]: a complex product.

    x [..., N, Dk]; rotary complex [N, Dk/2], exp(i angle).
    """
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * rotary).flatten(-2)


class Model(nn.Module):
    """The whole model. rule: 'linear' or 'delta'. State: one (M, z) a layer, or None."""

    def __init__(self, vocabulary, rule, width=128, hidden=512, heads=4, layers=2, segment=128):
        super().__init__()
        self.segment, self.rule = segment, rule
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList([Layer(width, hidden, heads, segment, rule) for _ in range(layers)])
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.logits = Matrix(width, vocabulary)
        head = width // heads
        self.register_buffer("rotary_frequencies", 10000.0 ** (-torch.arange(0, head, 2) / head))

    def set_bf16(self, on):
        """Projections and MLP in bf16 (faster training where the CPU has bf16 products), or in f32 again."""
        for module in self.modules():
            if isinstance(module, Matrix):
                module.bf16 = on

    def forward(self, tokens, state=None, factors=None, last=None):
        """tokens [B, S * N] -> (hidden values before the logits [B, last * N, D], state after the last segment).

        Right padding of the last segment is harmless as long as the state is not used: a token sees only earlier ones.
        """
        angles = torch.arange(self.segment)[:, None] * self.rotary_frequencies
        rotary = torch.polar(torch.ones_like(angles), angles)
        x = self.embedding(tokens.unflatten(1, (-1, self.segment)))
        state = state or [None] * len(self.layers)
        after = []
        for layer, memory in zip(self.layers, state):
            # Only the last layer may leave segments out: the others feed the memories above them.
            x, memory = layer(x, rotary, memory, factors, last if layer is self.layers[-1] else None)
            after.append(memory)
        return self.norm(x).flatten(1, 2), after
