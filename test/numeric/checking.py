"""Comparison with float64 that says where and by how much."""
import numpy as np


def assert_close(name, result, value, bound):
    """|result - value| <= bound in every element; infinities must be equal; NaN is never close."""
    assert result.shape == value.shape, f"{name}: expected shape {value.shape}, got {result.shape}"
    with np.errstate(invalid="ignore"):
        error = np.abs(result.astype(np.float64) - value)
        good = (error <= bound) | (result == value) | np.isposinf(bound)
    if not good.all():
        share = np.where(good, 0, np.where(np.isnan(error), np.inf, error / np.maximum(bound, 1e-300)))
        worst = np.unravel_index(np.argmax(share), share.shape)
        raise AssertionError(
            f"{name}: {np.count_nonzero(~good)} of {good.size} elements differ; at {tuple(map(int, worst))} expected "
            f"{value[worst]:.9g} within {np.broadcast_to(bound, value.shape)[worst]:.3g}, got {result[worst]:.9g}")


def assert_same_bits(name, one, other):
    """Equal bit for bit, NaNs included."""
    assert one.shape == other.shape and one.dtype == other.dtype
    raw = f"uint{8 * one.itemsize}"
    same = np.ascontiguousarray(one).view(raw) == np.ascontiguousarray(other).view(raw)
    assert same.all(), f"{name}: {np.count_nonzero(~same)} of {same.size} elements differ in their bits"
