"""Infini-attention in float64: one plain function for each op of the dialect, and the streaming state.

Written for reading, from docs/spec.md; names in brackets, [S4], are its rules. Nothing here is fast, and nothing here is
shared with closed_forms.py, which computes the same results in another way. Source of the mathematics: arXiv 2404.07143 v2,
equations (4)-(11).

Shapes: B batch, Hq query heads, Hkv key/value heads (Hq a multiple of Hkv), T tokens, N segment length, Dk key width,
Dv value width. q: B x Hq x T x Dk, k: B x Hkv x T x Dk, v: B x Hkv x T x Dv, gate: Hq, memory: B x Hkv x Dk x Dv,
normalizer: B x Hkv x Dk, lengths: B. Arguments are converted to float64; results are float64. Rows of q, k and v at or past
`lengths` may hold any bits, NaN included [S14].
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LINEAR, DELTA = "linear", "delta"
INTERLEAVED, HALVES = "interleaved", "halves"


# --- parts --------------------------------------------------------------------------------------------------------------

def sigma(x):
    """The feature map of keys and queries: x + 1 where x > 0, else exp(x) [S2]. Any shape; positive."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow. Any shape; -inf gives 0, +inf gives 1."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def key_value_heads(query_heads, kv_heads):
    """The key/value head of each query head, h // (Hq / Hkv) [S12]: Hq integers."""
    return np.arange(query_heads) // (query_heads // kv_heads)


def valid_tokens(lengths, batch, tokens):
    """B x T booleans: token t of row b is valid where t < lengths[b]; all of them without lengths [S14]."""
    if lengths is None:
        return np.ones((batch, tokens), bool)
    return np.arange(tokens) < np.asarray(lengths).reshape(batch, 1)


def keep(valid, x):
    """x (B x H x T x D) with the rows of tokens that are not valid (B x T) set to 0, by a select [S14]."""
    return np.where(valid[:, None, :, None], x, 0.0)


def rope(x, positions, frequencies, style):
    """Rotary embedding [S11] of x (B x H x T x Dk) at positions (B x T).

    `frequencies` holds Dr/2 numbers (f32, radians a token), Dr <= Dk; features from Dr on pass unchanged; None rotates
    nothing. Pair i is (x[2i], x[2i+1]) if `style` is interleaved, (x[i], x[i + Dr/2]) if it is halves. The angle
    position * frequency is an f32 product.
    """
    if frequencies is None:
        return x
    frequencies = np.asarray(frequencies, np.float32)
    half = len(frequencies)
    angle = (positions.astype(np.float32)[..., None] * frequencies).astype(np.float64)[:, None]  # B x 1 x T x Dr/2
    if style == INTERLEAVED:
        first, second = slice(0, 2 * half, 2), slice(1, 2 * half, 2)
    else:
        first, second = slice(0, half), slice(half, 2 * half)
    rotated = x.copy()
    rotated[..., first] = x[..., first] * np.cos(angle) - x[..., second] * np.sin(angle)
    rotated[..., second] = x[..., first] * np.sin(angle) + x[..., second] * np.cos(angle)
    return rotated


# --- the ops of one segment ---------------------------------------------------------------------------------------------

def segment_attention(q, k, v, *, query_offset=None, lengths=None, scale=None, rotary_frequencies=None,
                      rotary_style=INTERLEAVED, keys_rotated=False):
    """Causal softmax attention inside one segment [S3]: (o, log_sum_exp).

    q: B x Hq x Nq x Dk; k, v: B x Hkv x Nk x Dk, Dv; o: B x Hq x Nq x Dv; log_sum_exp: B x Hq x Nq, the natural logarithm
    of the sum of exp(scaled scores), -inf for a row that sees no key (its output is 0).
    Query i of row b stands at position query_offset[b] + i among the keys (default Nk - Nq) and sees keys at positions up
    to its own and below lengths[b], which counts keys; queries at or past lengths[b] see nothing [S14]. (Without lengths, a
    query past the last key sees them all.)
    scale: 1/sqrt(Dk) by default [S10]. keys_rotated: k was rotated already, only q is rotated here.
    """
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    batch, query_heads, queries, width = q.shape
    kv_heads, keys = k.shape[1:3]
    scale = 1 / np.sqrt(width) if scale is None else scale
    offset = np.full(batch, keys - queries) if query_offset is None else np.asarray(query_offset)

    key_position = np.broadcast_to(np.arange(keys), (batch, keys))
    query_position = offset[:, None] + np.arange(queries)
    valid = valid_tokens(lengths, batch, keys)
    seen = (key_position[:, None, :] <= query_position[:, :, None]) & valid[:, None, :]
    if lengths is not None:
        seen &= (query_position < np.asarray(lengths)[:, None])[:, :, None]
    seen = seen[:, None]  # B x 1 x Nq x Nk

    v = keep(valid, v)  # its weight is 0, but 0 * NaN is not
    q = rope(q, query_position, rotary_frequencies, rotary_style)
    if not keys_rotated:
        k = rope(k, key_position, rotary_frequencies, rotary_style)

    head = key_value_heads(query_heads, kv_heads)
    scores = np.where(seen, scale * (q @ k[:, head].swapaxes(2, 3)), -np.inf)
    top = scores.max(axis=3, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = weights.sum(axis=3, keepdims=True)
    empty = total == 0
    o = np.where(empty, 0, weights @ v[:, head] / np.where(empty, 1, total))
    log_sum_exp = np.where(empty, -np.inf, top + np.log(np.where(empty, 1, total)))
    return o, log_sum_exp[..., 0]


def memory_retrieve(q, memory, normalizer, *, lengths=None, epsilon=0.0):
    """A_mem = sigma(q) M / (sigma(q) z + epsilon), 0 where sigma(q) z is 0 [S4, S9] and past lengths[b] [S14].

    q: B x H x T x Dk with H a multiple of Hkv; result B x H x T x Dv.
    """
    q, memory, normalizer = (np.asarray(x, np.float64) for x in (q, memory, normalizer))
    head = key_value_heads(q.shape[1], memory.shape[1])
    features = sigma(q)
    numerator = features @ memory[:, head]
    divisor = features @ normalizer[:, head, :, None]
    empty = divisor == 0
    read = np.where(empty, 0, numerator / np.where(empty, 1, divisor + epsilon))
    return keep(valid_tokens(lengths, q.shape[0], q.shape[2]), read)


def memory_update(k, v, memory, normalizer, *, rule, lengths=None, epsilon=0.0, read_memory=None, read_normalizer=None):
    """The memory after one segment: (M', z').

    linear: M' = M + sigma(K)^T V;  delta: M' = M + sigma(K)^T (V - sigma(K) M / (sigma(K) z + epsilon)) [S6];
    both: z' = z + sum of sigma(K) [S7]. The rows of sigma(K) and of V past lengths[b] are zero [S14].
    read_memory, read_normalizer: the state that delta reads, where it is not the one added to: a step of decode adds to the
    pending (dM, dz) and reads the frozen (M, z).
    """
    k, v, memory, normalizer = (np.asarray(x, np.float64) for x in (k, v, memory, normalizer))
    valid = valid_tokens(lengths, k.shape[0], k.shape[2])
    features = keep(valid, sigma(k))
    update = keep(valid, v)
    if rule == DELTA:
        read_memory = memory if read_memory is None else read_memory
        read_normalizer = normalizer if read_normalizer is None else read_normalizer
        update = keep(valid, update - memory_retrieve(k, read_memory, read_normalizer, epsilon=epsilon))
    return memory + features.swapaxes(2, 3) @ update, normalizer + features.sum(axis=2)


def gate(a_mem, a_dot, logit):
    """sigmoid(gate) * A_mem + (1 - sigmoid(gate)) * A_dot, one logit a query head [S5]. a_*: B x Hq x T x Dv; logit: Hq."""
    weight = sigmoid(np.asarray(logit, np.float64))[None, :, None, None]
    other = sigmoid(-np.asarray(logit, np.float64))[None, :, None, None]  # 1 - weight, without cancellation
    return weight * a_mem + other * a_dot


def segment(q, k, v, logit, memory, normalizer, *, rule, lengths=None, scale=None, epsilon=0.0, rotary_frequencies=None,
            rotary_style=INTERLEAVED):
    """One segment [S8]: read, attend, gate, then update: (o, M', z'). o: B x Hq x T x Dv, 0 past lengths."""
    a_mem = memory_retrieve(q, memory, normalizer, lengths=lengths, epsilon=epsilon)  # un-rotated q [S11], state before the segment [S4]
    a_dot, _ = segment_attention(q, k, v, lengths=lengths, scale=scale, rotary_frequencies=rotary_frequencies,
                                 rotary_style=rotary_style)
    return gate(a_mem, a_dot, logit), *memory_update(k, v, memory, normalizer, rule=rule, lengths=lengths, epsilon=epsilon)


# --- a whole sequence ---------------------------------------------------------------------------------------------------

def segments(tokens, segment_length, lengths):
    """(slice, lengths inside it) of each segment: ceil(T / N) of them, the last possibly shorter [S13]."""
    for start in range(0, tokens, segment_length):
        size = min(segment_length, tokens - start)
        inside = None if lengths is None else np.clip(np.asarray(lengths) - start, 0, size)
        yield slice(start, start + size), inside


def attention(q, k, v, logit, memory, normalizer, *, segment_length, rule, lengths=None, scale=None, epsilon=0.0,
              rotary_frequencies=None, rotary_style=INTERLEAVED):
    """A whole sequence, one segment after another: (o, M', z'). o: B x Hq x T x Dv."""
    o = np.zeros((*q.shape[:3], v.shape[3]))
    memory, normalizer = np.asarray(memory, np.float64), np.asarray(normalizer, np.float64)
    for part, inside in segments(q.shape[2], segment_length, lengths):
        o[:, :, part], memory, normalizer = segment(
            q[:, :, part], k[:, :, part], v[:, :, part], logit, memory, normalizer, rule=rule, lengths=inside, scale=scale,
            epsilon=epsilon, rotary_frequencies=rotary_frequencies, rotary_style=rotary_style)
    return o, memory, normalizer


def memory_scan(k, v, memory, normalizer, *, segment_length, rule, lengths=None, epsilon=0.0):
    """The states before each of the S = ceil(T / N) segments, and the last: (memories, normalizers, M', z').

    memories: B x Hkv x S x Dk x Dv; normalizers: B x Hkv x S x Dk.
    """
    state = (np.asarray(memory, np.float64), np.asarray(normalizer, np.float64))
    before = []
    for part, inside in segments(k.shape[2], segment_length, lengths):
        before.append(state)
        state = memory_update(k[:, :, part], v[:, :, part], *state, rule=rule, lengths=inside, epsilon=epsilon)
    memories = np.stack([m for m, _ in before], axis=2) if before else np.zeros((*memory.shape[:2], 0, *memory.shape[2:]))
    normalizers = np.stack([z for _, z in before], axis=2) if before else np.zeros((*normalizer.shape[:2], 0,
                                                                                    normalizer.shape[2]))
    return memories, normalizers, *state


# --- streaming ----------------------------------------------------------------------------------------------------------

@dataclass
class Stream:
    """The state of one layer while tokens arrive in chunks of any size [D1]-[D3].

    memory, normalizer: as of the last commit, frozen inside a segment. pending_memory, pending_normalizer: what the open
    segment will add. keys (rotated), values: the open segment's, B x Hkv x N x Dk and Dv. count: B, its tokens so far.
    """
    memory: np.ndarray
    normalizer: np.ndarray
    pending_memory: np.ndarray
    pending_normalizer: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    count: np.ndarray
    rule: str
    scale: float | None = None
    epsilon: float = 0.0
    rotary_frequencies: np.ndarray | None = None
    rotary_style: str = INTERLEAVED

    @classmethod
    def start(cls, memory, normalizer, *, segment_length, rule, **attributes):
        """A stream with the given memory (copied) and no open tokens."""
        memory, normalizer = np.array(memory, np.float64), np.array(normalizer, np.float64)
        batch, kv_heads, width, value_width = memory.shape
        return cls(memory, normalizer, np.zeros_like(memory), np.zeros_like(normalizer),
                   np.zeros((batch, kv_heads, segment_length, width)),
                   np.zeros((batch, kv_heads, segment_length, value_width)), np.zeros(batch, np.int64), rule, **attributes)

    def fork(self):
        """An independent copy [D3]."""
        arrays = {name: x.copy() for name, x in vars(self).items() if isinstance(x, np.ndarray)}
        return replace(self, **arrays)

    def step(self, q, k, v, logit, *, lengths=None):
        """Takes a chunk (q: B x Hq x C x Dk, k, v alike), of row b the first lengths[b] tokens; o: B x Hq x C x Dv."""
        batch, query_heads, tokens, _ = q.shape
        o = np.zeros((batch, query_heads, tokens, v.shape[3]))
        for row in range(batch):
            end = tokens if lengths is None else int(lengths[row])
            start = 0
            while start < end:
                size = min(end - start, self.keys.shape[2] - int(self.count[row]))
                part = np.s_[row:row + 1, :, start:start + size]
                o[part] = self._inside_segment(row, q[part], k[part], v[part], logit)
                start += size
        return o

    def _inside_segment(self, row, q, k, v, logit):
        """Tokens of one batch row that fit into its open segment; commits when they fill it."""
        q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
        one = slice(row, row + 1)
        count, end = int(self.count[row]), int(self.count[row]) + q.shape[2]
        position = np.arange(count, end)[None]
        self.keys[one, :, count:end] = rope(k, position, self.rotary_frequencies, self.rotary_style)
        self.values[one, :, count:end] = v
        a_dot, _ = segment_attention(q, self.keys[one, :, :end], self.values[one, :, :end], query_offset=[count],
                                     scale=self.scale, rotary_frequencies=self.rotary_frequencies,
                                     rotary_style=self.rotary_style, keys_rotated=True)
        a_mem = memory_retrieve(q, self.memory[one], self.normalizer[one], epsilon=self.epsilon)
        self.pending_memory[one], self.pending_normalizer[one] = memory_update(
            k, v, self.pending_memory[one], self.pending_normalizer[one], rule=self.rule, epsilon=self.epsilon,
            read_memory=self.memory[one], read_normalizer=self.normalizer[one])
        self.count[row] = end
        if end == self.keys.shape[2]:
            self.flush([row])
        return gate(a_mem, a_dot, logit)

    def flush(self, rows=None):
        """Commits the open segments of the given rows (all of them by default), full or not [S13]; none is committed twice."""
        for row in range(len(self.count)) if rows is None else rows:
            self.memory[row] += self.pending_memory[row]
            self.normalizer[row] += self.pending_normalizer[row]
            self.pending_memory[row] = 0
            self.pending_normalizer[row] = 0
            self.count[row] = 0


def attention_step(q, k, v, logit, memory, normalizer, pending_memory, pending_normalizer, keys, values, count, *,
                   segment_length, rule, lengths=None, **attributes):
    """One chunk, with the state of Stream as arguments: (o, and the new state in the same order)."""
    assert keys.shape[2] == values.shape[2] == segment_length
    state = memory, normalizer, pending_memory, pending_normalizer, keys, values, count
    stream = Stream(*(np.array(x) for x in state), rule, **attributes)
    o = stream.step(q, k, v, logit, lengths=lengths)
    return (o, stream.memory, stream.normalizer, stream.pending_memory, stream.pending_normalizer, stream.keys, stream.values,
            stream.count)
