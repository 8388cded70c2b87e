"""Inputs that do not fit are told, and nothing outside of them is read; arithmetic that CPUs refuse has a result."""
import ctypes

import numpy as np
import pytest

from checking import assert_same_bits
from compiled import CheckFailed, descriptor, free

MODULE = """
func.func @sizes(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
func.func @slice(%a: tensor<?xf32>, %i: tensor<1xi64>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %x = tensor.extract %i[%c0] : tensor<1xi64>
  %o = arith.index_cast %x : i64 to index
  %r = tensor.extract_slice %a[%o] [4] [1] : tensor<?xf32> to tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @insert(%a: tensor<4xf32>, %d: tensor<?xf32>, %i: tensor<1xi64>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %x = tensor.extract %i[%c0] : tensor<1xi64>
  %o = arith.index_cast %x : i64 to index
  %r = tensor.insert_slice %a into %d[%o] [4] [1] : tensor<4xf32> into tensor<?xf32>
  return %r : tensor<?xf32>
}
func.func @divide(%a: tensor<?xi64>, %b: tensor<?xi64>) -> (tensor<?xi64>, tensor<?xi64>) {
  %q = arith.divsi %a, %b : tensor<?xi64>
  %r = arith.remsi %a, %b : tensor<?xi64>
  return %q, %r : tensor<?xi64>, tensor<?xi64>
}
func.func @elements(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %s = arith.addf %a, %b : tensor<?xf32>
  %m = arith.mulf %s, %b : tensor<?xf32>
  %r = math.absf %m : tensor<?xf32>
  return %r : tensor<?xf32>
}
func.func @turn(%a: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %s = math.sin %a : tensor<?xf32>
  %c = math.cos %a : tensor<?xf32>
  return %s, %c : tensor<?xf32>, tensor<?xf32>
}
func.func @double(%a: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %r = arith.addf %a, %a : tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}
"""
F32 = [(1, np.float32)]


@pytest.fixture(scope="module")
def library(build):
    return build(MODULE)


def numbers(count):
    return np.arange(1, count + 1, dtype=np.float32)


def test_sizes_of_operands(library):
    result, = library.call("sizes", [numbers(9), numbers(9)], F32)
    assert_same_bits("sum", result, 2 * numbers(9))
    for count in (0, 1, 8, 10):
        with pytest.raises(CheckFailed, match="operands of linalg.add to fit together"):
            library.call("sizes", [numbers(9), numbers(count)], F32)


def test_slices(library):
    for at in (0, 3, 6):
        result, = library.call("slice", [numbers(10), np.array([at])], F32)
        assert_same_bits("slice", result, numbers(10)[at:at + 4])
        result, = library.call("insert", [numbers(4), numbers(10), np.array([at])], F32)
        expected = numbers(10)
        expected[at:at + 4] = numbers(4)
        assert_same_bits("insert", result, expected)
    for at in (-1, 7, 1 << 40, -(1 << 63), (1 << 63) - 1):
        for name, arrays in (("slice", [numbers(10)]), ("insert", [numbers(4), numbers(10)])):
            with pytest.raises(CheckFailed, match="expected a slice inside of its tensor"):
                library.call(name, [*arrays, np.array([at])], F32)
    with pytest.raises(CheckFailed, match="expected a slice inside of its tensor"):
        library.call("slice", [numbers(3), np.array([0])], F32)


def test_division(library):
    kinds = [(1, np.int64)] * 2
    least = -(1 << 63)
    a, b = np.array([7, -7, 7, -7, least, 0]), np.array([2, 2, -2, -2, -1, 5])
    quotient, rest = library.call("divide", [a, b], kinds)
    assert quotient.tolist() == [3, -3, -3, 3, least, 0]
    assert rest.tolist() == [1, -1, 1, -1, 0, 0]
    with pytest.raises(CheckFailed, match="expected a divisor that is not 0, got 0"):
        library.call("divide", [a, np.array([1, 1, 0, 1, 1, 1])], kinds)


def test_arithmetic_of_tensors(library):
    a, b = numbers(37), -numbers(37)[::-1]
    result, = library.call("elements", [a, b], F32)
    assert_same_bits("elements", result, np.abs((a + b) * b))


def test_large_angles(library):
    """Accurate up to 10^5, and finite wherever the angle is: n, of the quadrant, leaves the range of integers at 3.4e9."""
    few = np.linspace(-1e5, 1e5, 1001, dtype=np.float32)
    sine, cosine = library.call("turn", [few], F32 * 2)
    assert np.abs(sine - np.sin(few.astype(np.float64))).max() < 1e-6
    assert np.abs(cosine - np.cos(few.astype(np.float64))).max() < 1e-6
    many = np.float32([1e6, 1e7, 3.3e9, 3.4e9, 4e10, 1e20, 3e38])
    for result in library.call("turn", [np.concatenate([many, -many])], F32 * 2):
        assert (np.abs(result) <= 1).all(), result


def test_arguments_are_row_major(library):
    """Strides that compiled code would not follow are refused, and nothing is read through them."""
    def call(array, offset=0):
        argument = descriptor(2)()
        argument.allocated = argument.aligned = array.ctypes.data
        argument.offset = offset
        argument.sizes[:] = array.shape
        argument.strides[:] = [stride // array.itemsize for stride in array.strides]
        result = descriptor(2)()
        library.library._mlir_ciface_double(ctypes.byref(result), ctypes.byref(argument))
        return result, library.last_error()

    square = np.arange(16, dtype=np.float32).reshape(4, 4)
    once = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1000, 1 << 20), (0, 0))
    for wrong in (square.T, square[:, ::2], square[::2], square[:, :3], once):
        result, error = call(wrong)
        assert error and b"row-major" in error
        assert not result.allocated and tuple(result.sizes) == (0, 0)
    result, error = call(square, offset=4)
    assert error and b"row-major" in error
    # The stride of one row is never used.
    for right in (square, square[:1], square[:, :1][:1], square[:0, :3]):
        result, error = call(right)
        assert error is None and tuple(result.sizes) == right.shape


def test_large_blocks_are_kept(library):
    """A large block that compiled code frees is the next one of its size, and is free()'s; no more than 256 MiB are kept."""
    allocate, release = library.library.infini_malloc, library.library.infini_free
    allocate.restype = ctypes.c_void_p
    allocate.argtypes = [ctypes.c_size_t]
    release.restype, release.argtypes = None, [ctypes.c_void_p]
    size = 40 << 20  # that a block has up to 2 MiB more, as it is aligned, makes no difference
    first = allocate(size)
    ctypes.memset(first, 1, size)
    release(first)
    assert allocate(32 << 20) == first  # not half as large again
    second = allocate(size)
    assert second != first
    ctypes.memset(first, 2, size)
    assert second % (2 << 20) == 0
    release(second)
    larger = allocate(64 << 20)
    assert larger != second
    for block in (first, larger, allocate(size)):
        free(block)
    release(None)
    release(allocate(100))
    blocks = [allocate(100 << 20) for _ in range(3)]
    for block in blocks:
        release(block)
    assert {allocate(100 << 20), allocate(100 << 20)} == set(blocks[:2])
    for block in blocks[:2]:
        free(block)
