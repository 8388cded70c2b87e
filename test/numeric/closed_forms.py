"""The same results without a recurrence [F2], for checking reference.py; nothing is shared with it.

One batch row and one query head at a time; a row is cut to its valid tokens before anything is computed, so there is no
mask for padding. W is the T x T matrix sigma(x_t) . sigma(k_j), kept where token j lies in an earlier segment than token t:

    d     = sigma(x) z0 + W 1                           P(x) = W / d, P0(x) = sigma(x) / d
    linear  U = V                                       A_mem(x) = P0(x) M0 + P(x) U
    delta   (I + P(K)) U = V - P0(K) M0                 M' = M0 + sigma(K)^T U,  z' = z0 + sigma(K)^T 1

which is [F2] for M0 = 0, z0 = 0. The local part is one T x T softmax with a block-diagonal causal mask. Its rotary
embedding is a product of complex numbers (or of a pair's, in the other style) and takes positions from the start of the
sequence, not of the segment: by [F5] that is the same, if position * frequency is exact in f32 (few bits in each).
"""
import numpy as np


def attention(q, k, v, logit, memory, normalizer, *, segment_length, rule, lengths=None, scale=None, rotary_frequencies=None,
              rotary_style="interleaved"):
    """(o, M', z') of a whole sequence; shapes as in reference.attention; epsilon is 0."""
    batch, query_heads, tokens, width = q.shape
    kv_heads, value_width = v.shape[1], v.shape[3]
    group = query_heads // kv_heads
    lengths = [tokens] * batch if lengths is None else [int(n) for n in lengths]
    scale = width ** -0.5 if scale is None else scale
    o = np.zeros((batch, query_heads, tokens, value_width))
    last_memory, last_normalizer = np.array(memory, float), np.array(normalizer, float)
    for b, n in enumerate(lengths):
        for kv in range(kv_heads):
            keys, values = k[b, kv, :n], v[b, kv, :n]
            start = memory[b, kv], normalizer[b, kv]
            update = values
            if rule == "delta":
                from_tokens, from_start = read_weights(keys, keys, start[1], segment_length)
                update = np.linalg.solve(np.eye(n) + from_tokens, values - from_start @ start[0])
            last_memory[b, kv] += features(keys).T @ update
            last_normalizer[b, kv] += features(keys).sum(axis=0)
            for h in range(kv * group, (kv + 1) * group):
                queries = q[b, h, :n]
                from_tokens, from_start = read_weights(queries, keys, start[1], segment_length)
                read = from_tokens @ update + from_start @ start[0]
                local = local_weights(queries, keys, scale, segment_length, rotary_frequencies, rotary_style) @ values
                g = 0.5 * (1 + np.tanh(logit[h] / 2))  # the sigmoid
                o[b, h, :n] = g * read + (1 - g) * local
    return o, last_memory, last_normalizer


def features(x):
    """elu(x) + 1."""
    return np.maximum(x, 0) + np.exp(np.minimum(x, 0))


def segment_of(tokens, segment_length):
    """The segment's number of each token."""
    return np.arange(tokens) // segment_length


def read_weights(x, keys, start_normalizer, segment_length):
    """P(x) (T x T) and P0(x) (T x Dk); a row whose divisor is 0 is 0 [S9]."""
    where = segment_of(len(x), segment_length)
    product = features(x) @ features(keys).T * (where[None, :] < where[:, None])
    divisor = features(x) @ start_normalizer + product.sum(axis=1)
    inverse = np.divide(1, divisor, out=np.zeros_like(divisor), where=divisor != 0)[:, None]
    return product * inverse, features(x) * inverse


def local_weights(queries, keys, scale, segment_length, frequencies, style):
    """T x T: the softmax over the tokens of the same segment that are not later."""
    where = segment_of(len(queries), segment_length)
    time = np.arange(len(queries))
    seen = (where[None, :] == where[:, None]) & (time[None, :] <= time[:, None])
    weight = np.where(seen, np.exp(scale * scores(queries, keys, time, frequencies, style)), 0)
    return weight / weight.sum(axis=1, keepdims=True)


def scores(queries, keys, time, frequencies, style):
    """Dot products of rotated rows: Re(sum over pairs of q conj(k) e^(i f (t_q - t_k))) + the features beyond."""
    if frequencies is None:
        return queries @ keys.T
    pairs = len(frequencies)
    turn = np.exp(1j * time[:, None] * np.asarray(frequencies, float))
    q, k = (as_complex(x, pairs, style) * turn for x in (queries, keys))
    return (q @ k.conj().T).real + queries[:, 2 * pairs:] @ keys[:, 2 * pairs:].T


def as_complex(x, pairs, style):
    """The rotated pairs of features as T x Dr/2 complex numbers."""
    if style == "interleaved":
        return x[:, 0:2 * pairs:2] + 1j * x[:, 1:2 * pairs:2]
    return x[:, :pairs] + 1j * x[:, pairs:2 * pairs]


def affine_states(k, v, memory, normalizer, *, segment_length, rule):
    """memory_scan by the affine form (spec, "Parallel over segments"): (memories, normalizers, M', z'), epsilon 0.

    z is a prefix sum; then M_s = A_s M_(s-1) + B_s with A_s = I - sigma(K)^T diag(1 / (sigma(K) z)) sigma(K) for delta, I for
    linear. The pairs (A, B) are composed from the left and applied to the initial memory at the end.
    """
    batch, kv_heads, tokens, width = k.shape
    count = -(-tokens // segment_length)
    memories = np.zeros((batch, kv_heads, count, width, v.shape[3]))
    normalizers = np.zeros((batch, kv_heads, count, width))
    last_memory, last_normalizer = np.array(memory, float), np.array(normalizer, float)
    for b, h in np.ndindex(batch, kv_heads):
        feature = features(k[b, h])
        sums = np.cumsum(np.vstack([np.zeros(width), feature]), axis=0)
        total_a, total_b = np.eye(width), np.zeros((width, v.shape[3]))
        for s in range(count):
            rows = slice(s * segment_length, min((s + 1) * segment_length, tokens))
            z = normalizer[b, h] + sums[rows.start]
            memories[b, h, s], normalizers[b, h, s] = total_a @ memory[b, h] + total_b, z
            a = np.eye(width)
            if rule == "delta" and (z != 0).any():
                a -= feature[rows].T @ (feature[rows] / (feature[rows] @ z)[:, None])
            total_a, total_b = a @ total_a, a @ total_b + feature[rows].T @ v[b, h, rows]
        last_memory[b, h], last_normalizer[b, h] = total_a @ memory[b, h] + total_b, normalizer[b, h] + sums[-1]
    return memories, normalizers, last_memory, last_normalizer
