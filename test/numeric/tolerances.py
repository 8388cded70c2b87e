"""How far a result may lie from float64: a running error analysis, element by element, of the ops as spec.md has them.

No constant here is fitted; each is one of these:

- W = 2^-24, half a unit in the last place of f32: sums, softmax statistics, the memory and its normalizer are f32 [S15].
- U[precision], the same of the type that factors of a product are rounded to [S17]: P, sigma(q), sigma(k), U, M, and the
  rotated q and k; 0 where a product is f32. The result of an activation type is rounded once more, by U[dtype].
- a sum of n terms: chain(n) = W min(n, 4 sqrt(n)) relative to the sum of their magnitudes. n is the worst case; 4 sqrt(n)
  bounds independent roundings of mean zero (Higham and Mary 2019, theorem 2.4 with lambda = 4: but for 2 exp(-8), one in
  1,500, if every rounding were as large as it can be; as their size is spread evenly, but for one in 10^10).
- the factors of n products rounded: factors(a, b), in the same way the smaller of the worst case and 4 times the root of
  the sum of squares.
- exp, sin, cos in f32: 2 units in the last place, FUNCTION = 4 W.
- f16 has no numbers below 2^-24: a factor rounded to it moves by TINY = 2^-25 at least. Parts in bf16 below 2^-126 count as 0.
- bf16x3 and bf16x6 sum 3 and 6 products of parts for one of f32, TERMS. Two parts are within 2^-17 of a factor, and what is left
  out of a product, of the second ones, is below 2^-16 of it: as if both factors moved by 2^-16. Of three parts, 2^-25 in the
  same way. The parts of P but for the last are cut off, not rounded: PRODUCT bounds what a product with it then loses.

Errors of inputs of a step are carried through it to first order by the step's own derivatives. The bound is compared
element by element: |result - reference| <= bound.

Each function takes the arguments of the function of the same name in reference.py (arrays of float64), `precision` and `dtype`,
and, where a step takes results of another, their error bounds (`*_error`); it returns the bounds of its results.
"""
import numpy as np

import reference as ref

W = 2.0 ** -24
FUNCTION = 4 * W
U = dict(f32=2.0 ** -24, bf16=2.0 ** -8, f16=2.0 ** -11)
FACTOR = dict(ieee=0.0, bf16x6=2.0 ** -25, bf16x3=2.0 ** -16, bf16=2.0 ** -8, f16=2.0 ** -11)
PRODUCT = FACTOR | dict(bf16x6=3 * 2.0 ** -24, bf16x3=3.5 * 2.0 ** -16)
TINY = dict(ieee=0.0, bf16x6=2.0 ** -126, bf16x3=2.0 ** -126, bf16=0.0, f16=2.0 ** -25)
TERMS = dict(ieee=1, bf16x6=6, bf16x3=3, bf16=1, f16=1)
DEFAULT = dict(f32="ieee", bf16="bf16", f16="f16")


def chain(n):
    """Relative error of a sum of n terms."""
    return W * min(n, 4 * np.sqrt(n))


def factors(a, b, u):
    """Error of a @ b from rounding the elements of both by u."""
    return u * np.minimum(2 * np.abs(a) @ np.abs(b), 4 * np.sqrt(2 * a ** 2 @ b ** 2))


def stored(o, error, dtype):
    """The bound after o is rounded to an activation type."""
    return error + (U[dtype] * (np.abs(o) + error) + (2.0 ** -25 if dtype == "f16" else 0) if dtype != "f32" else 0)


def rotated_magnitude(x, frequencies, style):
    """|x_i| + |x_j| in both places of a rotated pair (i, j): what a rotation's roundings are relative to."""
    if frequencies is None:
        return np.abs(x)
    half = len(frequencies)
    if style == ref.INTERLEAVED:
        first, second = slice(0, 2 * half, 2), slice(1, 2 * half, 2)
    else:
        first, second = slice(0, half), slice(half, 2 * half)
    size = np.abs(x)
    both = size[..., first] + size[..., second]
    size[..., first] = size[..., second] = both
    return size


def segment_attention(q, k, v, *, query_offset=None, lengths=None, scale=None, rotary_frequencies=None,
                      rotary_style=ref.INTERLEAVED, keys_rotated=False, precision="ieee"):
    """(error of o, error of log_sum_exp), o not yet rounded to its type."""
    batch, query_heads, queries, width = q.shape
    keys = k.shape[2]
    scale = 1 / np.sqrt(width) if scale is None else scale
    head = ref.key_value_heads(query_heads, k.shape[1])
    options = dict(query_offset=query_offset, lengths=lengths, scale=scale, rotary_frequencies=rotary_frequencies,
                   rotary_style=rotary_style, keys_rotated=keys_rotated)
    k, v = (ref.keep(ref.valid_tokens(lengths, batch, keys), x) for x in (k, v))
    # the softmax's weights are its output for v = identity
    eye = np.broadcast_to(np.eye(keys), (batch, k.shape[1], keys, keys))
    weights, log_sum_exp = ref.segment_attention(q, k, eye, **options)

    # S = scale q.k: a sum of Dk products; q and k rotated (sin, cos, two products, a sum), then rounded as factors
    position = np.broadcast_to(np.arange(keys), (batch, keys))
    offset = np.full(batch, keys - queries) if query_offset is None else np.asarray(query_offset)
    style = rotary_frequencies, rotary_style
    size_q, size_k = rotated_magnitude(q, *style), np.abs(k) if keys_rotated else rotated_magnitude(k, *style)
    turned_q = ref.rope(q, offset[:, None] + np.arange(queries), *style)
    turned_k = k if keys_rotated else ref.rope(k, position, *style)
    turns = 0 if rotary_frequencies is None else 2
    score_size = abs(scale) * (size_q @ size_k[:, head].swapaxes(2, 3))
    split = precision in ("bf16x6", "bf16x3")
    score_error = (chain(TERMS[precision] * width) + 3 * W + turns * (FUNCTION + 3 * W)) * score_size + 2 * turns * TINY[precision]
    if turns or split:
        score_error += factors(turned_q, turned_k[:, head].swapaxes(2, 3), abs(scale) * FACTOR[precision])
    # P = exp(S - m): what the argument moves by (two roundings near |S|), the function; d o = sum_j dP_j (v_j - o)
    finite = np.where(np.isfinite(log_sum_exp), log_sum_exp, 0)[..., None]
    argument = score_error + 2 * W * (score_size + np.abs(finite)) + FUNCTION
    values = v[:, head]
    o = weights @ values
    away = np.abs(values[:, :, None] - o[:, :, :, None])  # B x Hq x Nq x Nk x Dv
    o_error = np.einsum("bhqk,bhqkv->bhqv", weights * argument, away)
    # P rounded as a factor, in the numerator or in numerator and divisor; one more scaling of the running sums, the division
    size = weights[..., None] * np.maximum(np.abs(values)[:, :, None], away)
    o_error += PRODUCT[precision] * np.minimum(size.sum(axis=3), 4 * np.sqrt((size ** 2).sum(axis=3)))
    o_error += TINY[precision] * (weights > 0) @ np.abs(values)
    sums = chain(TERMS[precision] * keys) + 4 * W
    o_error += sums * (weights @ np.abs(values) + np.abs(o))
    lse_error = (weights * (argument + sums)).sum(axis=3) + 2 * W * np.abs(finite[..., 0]) + FUNCTION
    return o_error, lse_error


def memory_retrieve(q, memory, normalizer, *, lengths=None, epsilon=0.0, precision="ieee", memory_error=0.0,
                    normalizer_error=0.0):
    """Error of the read, not yet rounded to its type."""
    head = ref.key_value_heads(q.shape[1], memory.shape[1])
    memory_error = np.broadcast_to(memory_error, memory.shape)
    normalizer_error = np.broadcast_to(normalizer_error, normalizer.shape)
    valid = ref.valid_tokens(lengths, q.shape[0], q.shape[2])
    features = ref.keep(valid, ref.sigma(q))
    read = ref.memory_retrieve(q, memory, normalizer, lengths=lengths, epsilon=epsilon)
    # numerator and divisor: sigma, both factors rounded, a sum of Dk products; then what M and z bring
    relative = FUNCTION + chain(TERMS[precision] * q.shape[3])
    numerator = features @ (relative * np.abs(memory) + memory_error + TINY[precision])[:, head]
    numerator += factors(features, memory[:, head], FACTOR[precision])
    z = normalizer[:, head, :, None]
    divisor = features @ z
    divisor_error = features @ (relative * z + normalizer_error[:, head, :, None] + TINY[precision]) + W * epsilon
    divisor_error += factors(features, z, FACTOR[precision])
    safe = np.where(divisor == 0, 1, divisor + epsilon)
    return np.where(divisor == 0, 0, (numerator + np.abs(read) * divisor_error) / safe) + 2 * W * np.abs(read)


def memory_update(k, v, memory, normalizer, *, rule, lengths=None, epsilon=0.0, read_memory=None, read_normalizer=None,
                  precision="ieee", memory_error=0.0, normalizer_error=0.0):
    """(error of M', error of z')."""
    valid = ref.valid_tokens(lengths, k.shape[0], k.shape[2])
    features = ref.keep(valid, ref.sigma(k))
    update, update_error = ref.keep(valid, v), 0.0
    if rule == ref.DELTA:
        state = (memory, normalizer) if read_memory is None else (read_memory, read_normalizer)
        error = dict(memory_error=memory_error, normalizer_error=normalizer_error) if read_memory is None else {}
        read = ref.memory_retrieve(k, *state, epsilon=epsilon)
        update = ref.keep(valid, update - read)
        update_error = ref.keep(valid, memory_retrieve(k, *state, epsilon=epsilon, precision=precision, **error))
        update_error = update_error + W * np.abs(update) + TINY[precision]
    relative = FUNCTION + chain(TERMS[precision] * k.shape[2]) + W
    transposed = features.swapaxes(2, 3)
    new_memory, new_normalizer = memory + transposed @ update, normalizer + features.sum(axis=2)
    m_error = memory_error + factors(transposed, update, FACTOR[precision]) + transposed @ (relative * np.abs(update) + update_error) + W * np.abs(new_memory)
    # z sums the factors of M's products, rounded as they are [S17]: only so does G z = dz hold [F3]
    rounded = FACTOR[precision] * np.minimum(features.sum(axis=2), 4 * np.sqrt((features ** 2).sum(axis=2)))
    z_error = normalizer_error + rounded + (FUNCTION + chain(k.shape[2]) + W) * features.sum(axis=2) + W * new_normalizer
    # the sums may start from M and z, which are then a term of each partial sum
    m_error, z_error = m_error + chain(TERMS[precision] * k.shape[2]) * np.abs(memory), z_error + chain(k.shape[2]) * normalizer
    return m_error, z_error


def gate(a_mem, a_dot, logit, *, a_mem_error=0.0, a_dot_error=0.0):
    """Error of the mix, not yet rounded to its type."""
    weight = ref.sigmoid(np.asarray(logit, np.float64))[None, :, None, None]
    error = weight * (1 - weight) * FUNCTION + 2 * W  # of the weight, absolute
    product = np.abs(weight * a_mem) + np.abs((1 - weight) * a_dot)
    return (weight * a_mem_error + (1 - weight) * a_dot_error + error * weight * np.abs(a_mem)
            + error * np.abs(a_dot) + 2 * W * product)


def segment(q, k, v, logit, memory, normalizer, *, rule, lengths=None, scale=None, epsilon=0.0, rotary_frequencies=None,
            rotary_style=ref.INTERLEAVED, precision="ieee", memory_error=0.0, normalizer_error=0.0):
    """(error of o, not yet rounded, of M', of z')."""
    errors = dict(memory_error=memory_error, normalizer_error=normalizer_error)
    local = dict(lengths=lengths, scale=scale, rotary_frequencies=rotary_frequencies, rotary_style=rotary_style)
    a_dot, _ = ref.segment_attention(q, k, v, **local)
    a_dot_error, _ = segment_attention(q, k, v, **local, precision=precision)
    a_mem = ref.memory_retrieve(q, memory, normalizer, lengths=lengths, epsilon=epsilon)
    a_mem_error = memory_retrieve(q, memory, normalizer, lengths=lengths, epsilon=epsilon, precision=precision, **errors)
    return gate(a_mem, a_dot, logit, a_mem_error=a_mem_error, a_dot_error=a_dot_error), *memory_update(
        k, v, memory, normalizer, rule=rule, lengths=lengths, epsilon=epsilon, precision=precision, **errors)


def attention(q, k, v, logit, memory, normalizer, *, segment_length, rule, lengths=None, scale=None, epsilon=0.0,
              rotary_frequencies=None, rotary_style=ref.INTERLEAVED, precision="ieee"):
    """(error of o, not yet rounded, of M', of z')."""
    o_error = np.zeros((*q.shape[:3], v.shape[3]))
    errors = np.zeros_like(memory), np.zeros_like(normalizer)
    for part, inside in ref.segments(q.shape[2], segment_length, lengths):
        options = dict(rule=rule, lengths=inside, scale=scale, epsilon=epsilon, rotary_frequencies=rotary_frequencies,
                       rotary_style=rotary_style)
        arguments = q[:, :, part], k[:, :, part], v[:, :, part], logit, memory, normalizer
        o_error[:, :, part], *errors = segment(*arguments, **options, precision=precision, memory_error=errors[0],
                                               normalizer_error=errors[1])
        _, memory, normalizer = ref.segment(*arguments, **options)
    return o_error, *errors


def memory_scan(k, v, memory, normalizer, *, segment_length, rule, lengths=None, epsilon=0.0, precision="ieee"):
    """(errors of the states before each segment, of their normalizers, of M', of z')."""
    options = dict(segment_length=segment_length, rule=rule, lengths=lengths, epsilon=epsilon)
    memories, normalizers, *_ = ref.memory_scan(k, v, memory, normalizer, **options)
    m_errors, z_errors = np.zeros_like(memories), np.zeros_like(normalizers)
    errors = np.zeros_like(memory), np.zeros_like(normalizer)
    for s, (part, inside) in enumerate(ref.segments(k.shape[2], segment_length, lengths)):
        m_errors[:, :, s], z_errors[:, :, s] = errors
        errors = memory_update(k[:, :, part], v[:, :, part], memories[:, :, s], normalizers[:, :, s], rule=rule,
                               lengths=inside, epsilon=epsilon, precision=precision, memory_error=errors[0],
                               normalizer_error=errors[1])
    return m_errors, z_errors, *errors


def attention_step(q, k, v, logit, memory, normalizer, pending_memory, pending_normalizer, keys, values, count, *,
                   segment_length, rule, lengths=None, rotary_frequencies=None, rotary_style=ref.INTERLEAVED, **options):
    """Errors of o (not yet rounded) and of each part of the new state.

    Those of one `attention` over the open segment's tokens and the chunk, row by row: a step does no other arithmetic. The
    memory has the error as of the last whole segment (none where none is whole [D2]), and what is pending the rest of it.
    """
    o_error, keys_error = np.zeros((*q.shape[:3], v.shape[3])), np.zeros_like(keys)
    errors = [np.zeros_like(x) for x in (memory, normalizer, pending_memory, pending_normalizer)]
    position = np.broadcast_to(np.arange(segment_length), keys.shape[::2])
    back = None if rotary_frequencies is None else -rotary_frequencies
    unrotated = ref.rope(keys, position, back, rotary_style)
    no_queries = np.zeros((*q.shape[:2], segment_length, q.shape[3]))
    for row, tokens in enumerate(np.full(len(q), q.shape[2]) if lengths is None else lengths):
        one, opened = slice(row, row + 1), int(count[row])
        whole = [np.concatenate([before[one, :, :opened], chunk[one, :, :tokens]], axis=2)
                 for before, chunk in ((no_queries, q), (unrotated, k), (values, v))]
        def bounds(end):
            return attention(*(x[:, :, :end] for x in whole), logit, memory[one], normalizer[one], rule=rule,
                             segment_length=segment_length, rotary_frequencies=rotary_frequencies, rotary_style=rotary_style,
                             **options)
        total = opened + int(tokens)
        error, *last = bounds(total)
        _, *committed = bounds(total - total % segment_length)
        o_error[one, :, :tokens] = error[:, :, opened:]
        for i, pending in enumerate((pending_memory, pending_normalizer)):
            errors[i][one] = committed[i]
            errors[2 + i][one] = last[i] - committed[i] + (W * np.abs(pending[one]) if total % segment_length else 0)
    if rotary_frequencies is not None:
        largest = max(np.abs(x).max(initial=0, where=np.isfinite(x)) for x in (k, keys))
        keys_error += 2 * (FUNCTION + 3 * W) * largest
    return o_error, *errors, keys_error, np.zeros_like(values), np.zeros(len(q))
