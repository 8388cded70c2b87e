"""Two plots: the share of the peak over segment length and width, and the time beside full attention over tokens."""
from pathlib import Path

import attention
import peers
from turns import Row, take_turns

LENGTHS, WIDTHS = (128, 256, 512, 1024, 2048, 4096), (32, 64, 128, 256)
TOKENS = (2048, 4096, 8192, 16384, 32768)
DTYPES = ("f32", "bf16")
COLORS = dict(f32="C0", bf16="C1")
UNITS = dict(f32="FMA", dot="dot", amx="AMX")
HEADS = 2


def shares(bench):
    """{(dtype, width): [share of the peak at each of LENGTHS]}, 8,192 tokens."""
    bench.table.heading(f"share of the peak: {HEADS} heads, 8192 tokens, delta rule, {bench.threads_spelled}")
    found = {}
    for width in WIDTHS:
        inputs = attention.random_inputs(HEADS, 8192, width)
        for dtype in DTYPES:
            kind = bench.machine.kind_of(dtype)
            runs = {n: attention.ours(dtype, inputs, n, bench.threads) for n in LENGTHS}
            best = take_turns(runs, bench.rounds, 2.0, [lambda: bench.machine.measure(kind, bench.threads)])
            peak = bench.machine.peak(kind, bench.threads) * 1e9
            for n, seconds in best.items():
                share = attention.operations(HEADS, 8192, n, width) / seconds / peak if peak else 0
                found.setdefault((dtype, width), []).append(share)
                bench.table.add(Row(f"attention {attention.title(dtype, n, width)}", "ours", seconds, share))
    return found


def times(bench):
    """{(implementation, dtype): [(tokens, seconds)]} of ours with N2048 and of full attention, d128."""
    bench.table.heading(f"beside full attention: {HEADS} heads of 128, N2048, delta rule, {bench.threads_spelled}")
    found = {}
    for dtype in DTYPES:
        for tokens in TOKENS:
            inputs = attention.random_inputs(HEADS, tokens, 128)
            full = bench.build(peers.FullAttention.name,
                               lambda: peers.FullAttention(dtype, inputs, tokens, bench.threads))
            runs = {"ours": attention.ours(dtype, inputs, 2048, bench.threads)} | ({full.name: full} if full else {})
            for name, seconds in bench.contest(f"attention {dtype} T{tokens}", dtype, runs).items():
                found.setdefault((name, dtype), []).append((tokens, seconds))
    return found


def draw(bench, folder):
    """Writes share-of-peak.svg and full-attention.svg, the same bytes for the same figures."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot, ticker
    pyplot.rcParams.update({"svg.hashsalt": "infini", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
                            "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def ticks(axis, values):
        axis.set_major_locator(ticker.FixedLocator(values))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(ticker.NullLocator())

    found = shares(bench)
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), sharex=True, layout="constrained")
    for axis, dtype in zip(axes, DTYPES):
        for width in WIDTHS:
            axis.plot(LENGTHS, [100 * share for share in found[dtype, width]], marker="o", markersize=3, label=f"d {width}")
        axis.set(xscale="log", ylim=(0, None), title=f"{dtype}, share of the {UNITS.get(bench.machine.kind_of(dtype))} peak",
                 xlabel="segment length N, tokens", ylabel="%")
        ticks(axis.xaxis, LENGTHS)
    axes[0].legend(title="head width", frameon=False)
    figure.savefig(folder / "share-of-peak.svg", metadata={"Date": None})

    figure, axis = pyplot.subplots(figsize=(5, 3.4), layout="constrained")
    for (name, dtype), points in times(bench).items():
        label = f"{'Infini-attention, N 2048' if name == 'ours' else name}, {dtype}"
        axis.plot(*zip(*points), marker="o", markersize=3, label=label, color=COLORS[dtype],
                  linestyle="-" if name == "ours" else "--")
    axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="seconds",
             title=f"{HEADS} heads of 128, {bench.threads_spelled}")
    ticks(axis.xaxis, TOKENS)
    axis.legend(frameon=False)
    figure.savefig(folder / "full-attention.svg", metadata={"Date": None})
