"""Whole attentions over a sequence, delta rule: beside peers, on more threads, over T, and forced otherwise.

The work is B H (T ((N + 1) 2 d + 2 d^2) + (T - N) 2 d^2 (1 + delta)) operations: the causal half of attention, the update,
and the reads of all segments but the first.
"""
import os

import numpy as np
import peers
from ours import Ours, Refused, attention_text
from turns import Row, check, take_turns

CASES = [("f32", 2048, 128), ("f32", 512, 128), ("f32", 2048, 64), ("bf16", 2048, 128), ("bf16", 512, 128), ("bf16", 2048, 64)]
PEERS = [peers.Eager, peers.Compiled, peers.Lucidrains, peers.FullAttention, peers.Iree]
LEFT_OUT_QUICKLY = {peers.Compiled, peers.Iree}


def operations(heads, tokens, segment_length, width):
    n, d = segment_length, width
    return heads * (tokens * ((n + 1) * 2 * d + 2 * d * d) + max(tokens - n, 0) * 2 * d * d * 2)


def random_inputs(heads, tokens, width):
    """q, k, v of a normal distribution, and a gate of one half."""
    random = np.random.default_rng(0)
    return [random.standard_normal((1, heads, tokens, width), np.float32) for _ in range(3)] + [np.zeros(heads, np.float32)]


def ours(dtype, inputs, segment_length, threads, *options, precision=None):
    heads, width = inputs[0].shape[1], inputs[0].shape[3]
    typed = [(x, dtype) for x in inputs[:3]] + [(inputs[3], "f32")]
    return Ours(attention_text(dtype, heads, segment_length, width, precision), typed, dtype, threads, *options)


def extent(bench):
    """(heads, tokens)."""
    return (2, 8192) if bench.quick else (8, 32768)


def compare(bench):
    """The cases of the bars, beside every peer that is there. Results are compared with eager PyTorch's first."""
    heads, tokens = extent(bench)
    wanted = [case for case in CASES if bench.wants("attention " + title(*case))]
    if not wanted:
        return
    bench.table.heading(f"attention: {heads} heads, {tokens} tokens, delta rule, {bench.threads_spelled}")
    for dtype, segment_length, width in wanted:
        inputs = random_inputs(heads, tokens, width)
        mine = ours(dtype, inputs, segment_length, bench.threads)
        runs, expected = dict(ours=mine), None
        for peer in PEERS:
            if bench.quick and peer in LEFT_OUT_QUICKLY or peer is peers.FullAttention and segment_length != 2048:
                continue
            built = bench.build(peer.name, lambda: called(peer(dtype, inputs, segment_length, bench.threads), expected, dtype))
            if built:
                runs[peer.name] = built
                if peer is peers.Eager:
                    expected = built.result()
                    check("ours", mine.result(), expected, dtype)
        bench.contest("attention " + title(dtype, segment_length, width), dtype, runs,
                      operations(heads, tokens, segment_length, width),
                      count_work=lambda name: name != peers.FullAttention.name)


def called(peer, expected, dtype):
    """The peer, after a call, at which it may compile; its result is compared with the one that is expected."""
    if peer.result:
        result = peer.result()
        if expected is not None:
            check(peer.name, result, expected, dtype)
    return peer


def title(dtype, segment_length, width):
    return f"{dtype} N{segment_length} d{width}"


def forced(bench):
    """f32 N2048 d128 on 256-bit vectors, and with products of bf16 parts."""
    heads, tokens = extent(bench)
    inputs, work = random_inputs(heads, tokens, 128), operations(heads, tokens, 2048, 128)
    variants = [("f32 avx2", "f32_256", ["--mattr=-avx512f,-amx-tile"], None),
                ("f32 bf16x6", "f32", [], "bf16x6"), ("f32 bf16x3", "f32", [], "bf16x3")]
    variants = [variant for variant in variants if bench.wants("forced " + variant[0])]
    if not variants:
        return
    bench.table.heading(f"forced: {heads} heads, {tokens} tokens, N2048 d128, {bench.threads_spelled}; "
                        "shares of the FMA peak, for avx2 of 256 bits")
    eager = bench.build(peers.Eager.name, lambda: peers.Eager("f32", inputs, 2048, bench.threads))
    for name, kind, options, precision in variants:
        try:
            runs = dict(ours=ours("f32", inputs, 2048, bench.threads, *options, precision=precision))
        except Refused as error:
            bench.table.add(Row("forced " + name, "ours", note=str(error)))
            continue
        if eager:
            check("ours", runs["ours"].result(), eager.result(), "f32")
            runs[eager.name] = eager
        bench.contest("forced " + name, "f32", runs, work, kind)


def scaling(bench):
    """From one thread to all, against what the peak itself gains; also where there is one head for all threads."""
    count = bench.threads if bench.threads > 1 else os.cpu_count()
    tokens = 8192 if bench.quick else 16384
    cases = [(dtype, heads) for dtype in ("f32", "bf16") for heads in (2 if bench.quick else 8, 1)]
    cases = [case for case in cases if bench.wants(f"threads {case[0]} H{case[1]}")]
    if not cases:
        return
    bench.table.heading(f"threads: {tokens} tokens, N2048 d128")
    if len(os.sched_getaffinity(0)) < 2:
        return bench.table.say("threads: skipped, this process may use one core")
    for dtype, heads in cases:
        inputs, kind = random_inputs(heads, tokens, 128), bench.machine.kind_of(dtype)
        runs = {threads: ours(dtype, inputs, 2048, threads) for threads in (1, count)}
        best = take_turns(runs, bench.rounds, 2.0 if bench.quick else 15.0,
                          [lambda threads=threads: bench.machine.measure(kind, threads) for threads in runs])
        peak = {threads: bench.machine.peak(kind, threads) * 1e9 for threads in runs}
        for threads, seconds in best.items():
            row = Row(f"threads {dtype} H{heads}", f"ours on {threads}", seconds)
            if peak[1]:
                row.share_of_peak = operations(heads, tokens, 2048, 128) / seconds / peak[threads]
            if threads != 1:
                gain = best[1] / seconds
                row.note, row.figures = f"gains {gain:.2f}x", dict(gain=gain)
                if peak[1]:
                    most = peak[count] / peak[1]
                    row.note += f", the peak {most:.2f}x: {gain / most:.1%} of it"
                    row.figures |= dict(peak_gain=most, share_of_gain=gain / most)
            bench.table.add(row)


def linearity(bench):
    """Time a token over the number of tokens, from where nothing of it lies in a cache any more (quick: all of it)."""
    heads, counts = (2, (8192, 16384)) if bench.quick else (8, (32768, 65536, 131072))
    cases = [dtype for dtype in ("f32", "bf16") if bench.wants(f"linear {dtype}")]
    if not cases:
        return
    bench.table.heading(f"linear in T: {heads} heads, N2048 d128, {bench.threads_spelled}")
    for dtype in cases:
        inputs = random_inputs(heads, max(counts), 128)
        runs = {tokens: ours(dtype, [np.ascontiguousarray(x[:, :, :tokens]) if x.ndim == 4 else x for x in inputs], 2048,
                             bench.threads) for tokens in counts}
        best = take_turns(runs, bench.rounds, 2.0 if bench.quick else 15.0)
        for tokens, seconds in best.items():
            relative = seconds / tokens / (best[max(counts)] / max(counts))
            bench.table.add(Row(f"linear {dtype} T{tokens}", "ours", seconds,
                                note=f"{relative:.3f}x the time a token of T{max(counts)}", figures=dict(time_a_token=relative)))
