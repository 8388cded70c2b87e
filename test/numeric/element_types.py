"""The element types of activations: rounding to them, and the bits that a compiled function takes.

bf16 has no numpy type: its bits travel as uint16.
"""
import numpy as np

BITS = dict(f32=np.float32, f16=np.float16, bf16=np.uint16)


def rounded(x, dtype):
    """float32 values rounded to the nearest value of a type (ties to even), still float32. NaN stays NaN."""
    return decode(encode(x, dtype), dtype)


def encode(x, dtype):
    """float32 values as the array a compiled function takes."""
    x = np.ascontiguousarray(x, np.float32)
    if dtype != "bf16":
        with np.errstate(over="ignore"):
            return x.astype(BITS[dtype])
    bits = x.view(np.uint32)
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(x), bits >> 16 | 0x40, nearest).astype(np.uint16)


def decode(x, dtype):
    """The inverse, exactly."""
    return (x.astype(np.uint32) << 16).view(np.float32) if dtype == "bf16" else x.astype(np.float32)
