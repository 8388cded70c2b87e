"""Records how far PyTorch lies from float64 on every case of the grid: `python peer_errors.py` writes peer_errors.json.

Run by hand where torch is installed; the suite reads the file. Written as a careful user would in eager mode: attention by
scaled_dot_product_attention in the type of the activations, everything that touches the memory in f32, results rounded to
the type. Recorded is the largest absolute error of each result.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import cases
import programs

FILE = Path(__file__).with_name("peer_errors.json")
DTYPES = dict(f32=torch.float32, bf16=torch.bfloat16, f16=torch.float16)
ACTIVATIONS = ("q", "k", "v", "a_mem", "a_dot")


def sigma(x):
    return torch.where(x > 0, x + 1, x.exp())


def valid(lengths, x):
    """B x 1 x T x 1."""
    tokens = torch.arange(x.shape[2])
    limit = torch.full((x.shape[0],), x.shape[2]) if lengths is None else lengths
    return (tokens < limit[:, None])[:, None, :, None]


def heads_of(x, query_heads):
    return x.repeat_interleave(query_heads // x.shape[1], dim=1)


def rope(x, positions, frequencies, style):
    if frequencies is None:
        return x
    half = len(frequencies)
    angle = (positions.float()[..., None] * frequencies)[:, None]
    first, second = (slice(0, 2 * half, 2), slice(1, 2 * half, 2)) if style == "interleaved" else (
        slice(0, half), slice(half, 2 * half))
    a, b, out = x[..., first].float(), x[..., second].float(), x.clone()
    out[..., first] = (a * angle.cos() - b * angle.sin()).to(x.dtype)
    out[..., second] = (a * angle.sin() + b * angle.cos()).to(x.dtype)
    return out


def segment_attention(q, k, v, query_offset=None, lengths=None, scale=None, rotary_frequencies=None,
                      rotary_style="interleaved", keys_rotated=False):
    keys, queries = k.shape[2], q.shape[2]
    offset = torch.full((len(q),), keys - queries) if query_offset is None else query_offset
    key = torch.arange(keys).expand(len(q), keys)
    query = offset[:, None] + torch.arange(queries)
    seen = key[:, None] <= query[..., None]
    if lengths is not None:
        seen = seen & (key < lengths[:, None])[:, None] & (query < lengths[:, None])[..., None]
    seen = seen[:, None]
    q = rope(q, query, rotary_frequencies, rotary_style)
    k = k if keys_rotated else rope(k, key, rotary_frequencies, rotary_style)
    k, v = heads_of(k, q.shape[1]), heads_of(v, q.shape[1])
    scale = q.shape[3] ** -0.5 if scale is None else scale
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale)
    o = torch.where(seen.any(3, keepdim=True), o, 0)
    scores = (q.float() @ k.float().mT * scale).masked_fill(~seen, -torch.inf)
    return o, scores.logsumexp(3)


def memory_retrieve(q, memory, normalizer, lengths=None, epsilon=0.0):
    features = sigma(q.float())
    divisor = features @ heads_of(normalizer, q.shape[1])[..., None]
    read = features @ heads_of(memory, q.shape[1]) / (divisor + epsilon)
    return torch.where((divisor > 0) & valid(lengths, q), read, 0).to(q.dtype)


def memory_update(k, v, memory, normalizer, rule, lengths=None, epsilon=0.0, read_memory=None, read_normalizer=None):
    mask = valid(lengths, k)
    features, update = torch.where(mask, sigma(k.float()), 0), v.float()
    if rule == "delta":
        state = (memory, normalizer) if read_memory is None else (read_memory, read_normalizer)
        update = update - memory_retrieve(k.float(), *state, epsilon=epsilon)
    return memory + features.mT @ torch.where(mask, update, 0), normalizer + features.sum(2)


def gate(a_mem, a_dot, logit):
    weight = logit.sigmoid()[:, None, None]
    return (weight * a_mem.float() + (1 - weight) * a_dot.float()).to(a_mem.dtype)


def segment(q, k, v, logit, memory, normalizer, rule, lengths=None, scale=None, epsilon=0.0, rotary_frequencies=None,
            rotary_style="interleaved"):
    a_mem = memory_retrieve(q, memory, normalizer, lengths, epsilon)
    a_dot, _ = segment_attention(q, k, v, None, lengths, scale, rotary_frequencies, rotary_style)
    return gate(a_mem, a_dot, logit), *memory_update(k, v, memory, normalizer, rule, lengths, epsilon)


def pieces(tokens, segment_length, lengths):
    for start in range(0, tokens, segment_length):
        size = min(segment_length, tokens - start)
        yield slice(start, start + size), None if lengths is None else (lengths - start).clamp(0, size)


def attention(q, k, v, logit, memory, normalizer, segment_length, rule, lengths=None, scale=None, epsilon=0.0,
              rotary_frequencies=None, rotary_style="interleaved"):
    o = [q.new_zeros((*q.shape[:2], 0, v.shape[3]))]
    for part, inside in pieces(q.shape[2], segment_length, lengths):
        result, memory, normalizer = segment(q[:, :, part], k[:, :, part], v[:, :, part], logit, memory, normalizer, rule,
                                             inside, scale, epsilon, rotary_frequencies, rotary_style)
        o.append(result)
    return torch.cat(o, 2), memory, normalizer


def memory_scan(k, v, memory, normalizer, segment_length, rule, lengths=None, epsilon=0.0):
    memories, normalizers = [memory.new_zeros((*memory.shape[:2], 0, *memory.shape[2:]))], [
        normalizer.new_zeros((*normalizer.shape[:2], 0, normalizer.shape[2]))]
    for part, inside in pieces(k.shape[2], segment_length, lengths):
        memories.append(memory[:, :, None])
        normalizers.append(normalizer[:, :, None])
        memory, normalizer = memory_update(k[:, :, part], v[:, :, part], memory, normalizer, rule, inside, epsilon)
    return torch.cat(memories, 2), torch.cat(normalizers, 2), memory, normalizer


def errors(case):
    """{result: [largest |PyTorch - float64|, the element nearest to its bound, its error]}, and the largest share of a bound.

    The element is an index into the flat array, and the error there whole, so that a test compares it with the bound of its day.
    """
    arguments = cases.inputs(case)
    tensors = {name: torch.from_numpy(np.array(x)).to(DTYPES[case.program.dtype]) if name in ACTIVATIONS
               else torch.from_numpy(np.array(x)) for name, x in arguments.items()}
    results = programs.call(sys.modules[__name__], case.program, tensors)
    record, largest = {}, 0.0
    for (name, (value, bound)), result in zip(programs.expected_of_case(case).items(), results, strict=True):
        with np.errstate(invalid="ignore"):
            error = np.abs(result.double().numpy() - value)
        error = np.where(np.isnan(error), 0 if name == "log_sum_exp" else np.inf, error)  # -inf - -inf
        record[name] = [float(f"{error.max(initial=0):.3g}")]
        if error.size:
            share = error / np.maximum(bound, 1e-300)
            worst = int(share.argmax())
            record[name] += [worst, float(error.flat[worst])]
            largest = max(largest, share.flat[worst])
    return record, largest


def main():
    torch.set_num_threads(1)
    table = {}
    for op in cases.OPS:
        if op not in globals():  # a step of a stream is attention in parts, which PyTorch would do no other way
            continue
        shares = []
        for case in cases.grid(op):
            table[case.name], share = errors(case)
            shares.append(share)
        print(f"{op}: {len(shares)} cases; PyTorch's error is at most {max(shares):.2f} of the bound, median {np.median(shares):.2f}")
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(record)}" for name, record in table.items())
    FILE.write_text(json.dumps(dict(torch=torch.__version__))[:-1] + f', "cases": {{\n{text}\n}}}}\n')


if __name__ == "__main__":
    main()
