"""How far results lie from float64 over a fixed set of inputs: ours, and eager PyTorch's, as it is timed and with a memory that
is read and updated in f32, whatever the type of the activations.
"""
import numpy as np
import peers
import reference
from attention import ours
from element_types import rounded
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


def measure(bench):
    cases = [dtype for dtype in ("f32", "bf16", "f16") if bench.wants(f"accuracy {dtype}")]
    if not cases:
        return
    chosen = SET[:3] if bench.quick else SET
    bench.table.heading(f"accuracy: errors against float64 over {len(chosen)} seeded inputs, delta rule")
    for dtype in cases:
        errors = {}
        for seed, (segment_length, width, factor) in enumerate(chosen):
            inputs = inputs_of(seed, dtype, segment_length, width, factor)
            expected = exact(*inputs, segment_length)
            results = dict(ours=ours(dtype, inputs, segment_length, bench.threads).result())
            for peer in (peers.Eager, Careful):
                built = bench.build(peer.name, lambda: peer(dtype, inputs, segment_length, bench.threads))
                if built:
                    results[peer.name] = built.result()
            for name, result in results.items():
                errors.setdefault(name, []).append(np.abs(result - expected).ravel())
        figures = {}
        for name, parts in errors.items():
            error = np.concatenate(parts)
            figures[name] = dict(rms=float(np.sqrt(np.mean(np.square(error)))), max=float(error.max()))
        for name, found in figures.items():
            note = f"rms {found['rms']:.2e}, max {found['max']:.2e}"
            if name != "ours":
                ratios = {f"{key}_of_ours_to_it": figures["ours"][key] / found[key] for key in found}
                note += "; ours has {:.2f}x and {:.2f}x of it".format(*ratios.values())
                found = found | ratios
            bench.table.add(Row(f"accuracy {dtype}", name, note=note, figures=found))
