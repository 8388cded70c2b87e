"""How far results lie from float64 over a fixed set of inputs: ours, and eager PyTorch's, as it is timed and with a memory that
is read and updated in f32, whatever the type of the activations.
"""
import numpy as np
import peers
import reference
from attention import ours
from element_types import rounded
from ours import Refused
from turns import Row

# (segment length, width, factor of q: larger ones give sharper weights)
SET = [(512, 128, 1), (512, 128, 4), (512, 64, 1), (2048, 128, 1), (2048, 64, 3)]
HEADS = 2


def inputs_of(seed, dtype, segment_length, width, factor):
    """q, k, v of three and a half segments, rounded to dtype, and the gate's logits; float32."""
    random = np.random.default_rng(seed)
    shape = 1, HEADS, 7 * segment_length // 2, width
    q, k, v = (random.standard_normal(shape, np.float32) for _ in range(3))
    return [*(rounded(x, dtype) for x in (factor * q, k, v)), random.standard_normal(HEADS, np.float32)]


def exact(q, k, v, gate, segment_length):
    """The result in float64 of the numeric suite's reference."""
    width = q.shape[3]
    state = np.zeros((1, HEADS, width, width)), np.zeros((1, HEADS, width))
    return reference.attention(q, k, v, gate, *state, segment_length=segment_length, rule=reference.DELTA)[0]


class Careful(peers.Eager):
    """All that touches the memory in f32."""
    name = "torch eager, f32 memory"

    def attention(self):
        torch, w = self.torch, self.weight
        heads, width = self.q.shape[1], self.q.shape[3]
        outputs, memory, normalizer = [], torch.zeros(1, heads, width, width), torch.zeros(1, heads, width, 1)
        for part, q, k, v in self.segments():
            out, features, update = self.attend(q, k, v, is_causal=True).float(), self.sigma(k.float()), v.float()
            read = torch.zeros_like(out)
            if part.start:
                queries = self.sigma(q.float())
                read = queries @ memory / (queries @ normalizer)
                update = update - features @ memory / (features @ normalizer)
            outputs.append(out.lerp(read, w.float()).to(q.dtype))
            memory = memory + features.mT @ update
            normalizer = normalizer + features.sum(2)[..., None]
        return torch.cat(outputs, 2)


def precise(name):
    """The precision attribute of an implementation of ours, such as 'ours bf16x6'."""
    return name.removeprefix("ours").strip() or None


def errors_of(bench, dtype, chosen):
    """({implementation: {rms, max}}, {implementation of ours: why it was not compiled})."""
    found, refused = {}, {}
    for seed, (segment_length, width, factor) in enumerate(chosen):
        inputs = inputs_of(seed, dtype, segment_length, width, factor)
        expected = exact(*inputs, segment_length)

        def note(name, result):
            found.setdefault(name, []).append(np.abs(result - expected).ravel())
        for name in ("ours", "ours bf16x6", "ours bf16x3") if dtype == "f32" else ("ours",):
            try:
                note(name, ours(dtype, inputs, segment_length, bench.threads, precision=precise(name)).result())
            except Refused as error:
                refused[name] = str(error)
        for peer in (peers.Eager, Careful):
            built = bench.build(peer.name, lambda: peer(dtype, inputs, segment_length, bench.threads))
            if built:
                note(peer.name, built.result())
    errors = {name: np.concatenate(parts) for name, parts in found.items()}
    return {name: dict(rms=float(np.sqrt(np.mean(np.square(error)))), max=float(error.max()))
            for name, error in errors.items()}, refused


def measure(bench):
    cases = [dtype for dtype in ("f32", "bf16", "f16") if bench.wants(f"accuracy {dtype}")]
    if not cases:
        return
    chosen = SET[:3] if bench.quick else SET
    bench.table.heading(f"accuracy: errors against float64 over {len(chosen)} seeded inputs, delta rule")
    for dtype in cases:
        errors, refused = errors_of(bench, dtype, chosen)
        theirs = [figures for name, figures in errors.items() if not name.startswith("ours")]
        for name, figures in errors.items():
            note = f"rms {figures['rms']:.2e}, max {figures['max']:.2e}"
            if theirs and name.startswith("ours"):
                rms, most = (figures[key] / min(their[key] for their in theirs) for key in ("rms", "max"))
                note += f": {rms:.2f}x and {most:.2f}x of PyTorch's least"
                figures = figures | dict(rms_to_peers=rms, max_to_peers=most)
            bench.table.add(Row(f"accuracy {dtype}", name, note=note, figures=figures))
        for name, reason in refused.items():
            bench.table.add(Row(f"accuracy {dtype}", name, note=reason))
