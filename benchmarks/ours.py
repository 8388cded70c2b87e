"""Programs in the infini_attn dialect, compiled by this build's infini-compile and called on numpy arrays."""
import ctypes
import os
import re
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
os.environ.setdefault("KMP_BLOCKTIME", "20")  # ms that threads spin after a call; implementations take turns after 30

import compiled  # noqa: E402  (the calling convention of compiled code)
from compiled import BIN, LLVM  # noqa: E402, F401  (where the tools are)
from element_types import decode, encode  # noqa: E402


def attention_text(dtype, heads, segment_length, width, precision=None):
    """@f: attention with the delta rule over (q, k, v, gate), any number of tokens, an empty memory before them."""
    activation, memory = f"tensor<1x{heads}x?x{width}x{dtype}>", f"tensor<1x{heads}x{width}x{width}xf32>"
    normalizer = f"tensor<1x{heads}x{width}xf32>"
    how = f", precision = #infini_attn.precision<{precision}>" if precision else ""
    return f"""func.func @f(%q: {activation}, %k: {activation}, %v: {activation}, %gate: tensor<{heads}xf32>) -> {activation} {{
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %tokens = tensor.dim %q, %c2 : {activation}
  %o = tensor.empty(%tokens) : {activation}
  %m = tensor.splat %zero : {memory}
  %z = tensor.splat %zero : {normalizer}
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : {activation}, {memory}, {normalizer})
    {{segment_length = {segment_length}, rule = #infini_attn.update_rule<delta>{how}}}
    : {activation}, {activation}, {activation}, tensor<{heads}xf32> -> {activation}, {memory}, {normalizer}
  return %r#0 : {activation}
}}
"""


class Refused(Exception):
    """The compiler's message, without the command and the file."""


class Ours:
    """@f of a module, with its one result, on arrays: a call gives the seconds that it took.

    inputs: (float32 array, element type that the function takes). The copy of the result that `result` makes is not timed.
    """
    name = "ours"

    def __init__(self, text, inputs, dtype, threads, *options):
        self.dtype, self.threads = dtype, threads
        try:
            self.library = compiled.compile_library(text, *options)
        except RuntimeError as error:
            raise Refused(re.sub(r".*?error: (\S+:\d+:\d+: )?", "", str(error).splitlines()[0])) from error
        self.arrays = [encode(x, kind).reshape(x.shape) for x, kind in inputs]
        self.arguments = [ctypes.byref(compiled.as_descriptor(x)) for x in self.arrays]
        self.rank = self.arrays[0].ndim
        self.function = self.library.library._mlir_ciface_f

    def run(self):
        """(seconds, the result's descriptor)."""
        made = compiled.descriptor(self.rank)()
        compiled.Library.set_threads(self.threads)
        start = time.perf_counter()
        self.function(ctypes.byref(made), *self.arguments)
        seconds = time.perf_counter() - start
        error = self.library.last_error()
        if error:
            raise RuntimeError(error.decode())
        return seconds, made

    def __call__(self):
        seconds, made = self.run()
        compiled.free(made.allocated)
        return seconds

    def result(self):
        """The result as float32, of the shape of the first argument."""
        kind = np.uint16 if self.dtype == "bf16" else np.float16 if self.dtype == "f16" else np.float32
        return decode(compiled.from_descriptor(self.run()[1], kind), self.dtype)
