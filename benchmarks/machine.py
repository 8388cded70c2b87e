"""What the machine is, and what it can do at most: peak.c, built for this CPU and measured in turn with everything else."""
import ctypes
import platform
import subprocess
import tempfile
from pathlib import Path

from ours import LLVM

OPTIONS = {"avx2": ["-mavx2", "-mfma"], "avx512f": ["-mavx512f"], "avx512_bf16": ["-mavx512bf16"],
           "amx_bf16": ["-mamx-tile", "-mamx-bf16"]}
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def cpu_flags():
    """The feature names of /proc/cpuinfo."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


def cache_sizes():
    """{level: bytes} of the caches for data that one core has or shares."""
    sizes = {}
    for cache in CACHES.glob("index*"):
        if (cache / "type").read_text().strip() != "Instruction":
            sizes[int((cache / "level").read_text())] = int((cache / "size").read_text().strip().removesuffix("K")) << 10
    return sizes


class Machine:
    """Measures peaks; keeps the best of each by (kind, threads). Kinds: f32, f32_256 (256 bits), dot and amx (both bf16)."""

    def __init__(self):
        self.flags = cpu_flags()
        self.best, self.library = {}, None
        if platform.machine() != "x86_64":
            return  # peak.c knows no other instructions
        options = [option for flag, given in OPTIONS.items() if flag in self.flags for option in given]
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "peak.so"
            subprocess.run([LLVM / "clang", "-O2", "-shared", "-fPIC", "-pthread", "-mprefer-vector-width=512", *options,
                            Path(__file__).with_name("peak.c"), "-o", made], check=True)
            self.library = ctypes.CDLL(str(made))

    def kind_of(self, dtype):
        """The peak that code for an element type is held against, or None where peak.c does not know the CPU's vectors.

        16-bit types without products of their own go through those of f32.
        """
        kinds = ("amx", "dot", "f32") if dtype == "bf16" else ("f32",)
        return next((kind for kind in kinds if kind in self.kinds()), None)

    def kinds(self):
        """The peaks that there are on this CPU."""
        return [kind for kind in ("f32", "f32_256", "dot", "amx") if hasattr(self.library, f"peak_{kind}")]

    def measure(self, kind, threads):
        """Measures a peak three times more, some 5 ms each."""
        if kind:
            function = getattr(self.library, f"peak_{kind}")
            function.restype = ctypes.c_double
            key = kind, threads
            self.best[key] = max(self.best.get(key, 0), *(function(ctypes.c_int(threads)) for _ in range(3)))

    def peak(self, kind, threads):
        """The best so far, in GFLOP/s; 0 where there is none."""
        return self.best.get((kind, threads), 0)

    def bandwidth(self, size, threads):
        """GB/s at which so many threads read their shares of `size` bytes, over and over; 0 where it cannot be measured."""
        if not hasattr(self.library, "peak_read"):
            return 0
        function = self.library.peak_read
        function.restype = ctypes.c_double
        return function(ctypes.c_int(threads), ctypes.c_long(size))

    def levels(self, threads):
        """{memory: bytes} such that the shares of so many threads lie in it and not in what is nearer to the core."""
        caches = cache_sizes()
        sizes = {f"L{level}": caches[level] // 2 * threads for level in (1, 2) if level in caches}
        if 2 in caches and caches.get(3, 0) > 4 * caches[2] * threads:
            sizes["L3"] = 2 * caches[2] * threads
        return sizes | {"memory": min(max(4 * max(caches.values(), default=0), 1 << 28), 1 << 30)}

    def description(self):
        """One line: the features that decide about the code, and the sizes of the caches."""
        features = " ".join(sorted(self.flags & set(OPTIONS))) or platform.machine()
        return features + "; " + ", ".join(f"L{level} {size >> 10} KiB" for level, size in sorted(cache_sizes().items()))
