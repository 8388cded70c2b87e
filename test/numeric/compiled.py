"""Compiles .mlir text with infini-compile and calls the functions of the shared library with numpy arrays.

The calling convention is that of llvm.emit_c_interface: `_mlir_ciface_NAME(result, argument...)`, every tensor a pointer
to a memref descriptor (allocated, aligned, offset, sizes, strides), all results in one struct of descriptors through the first
pointer, their memory from malloc and the caller's to free.
"""
from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

BIN = Path(os.environ.get("INFINI_BIN_DIR", Path(__file__).resolve().parents[2] / "build" / "bin"))
RUNTIME = BIN.parent / "lib" / "libInfiniAttnRuntime.a"
LLVM = Path(os.environ.get("INFINI_LLVM_DIR", "/usr/lib/llvm-22/bin"))


class CheckFailed(RuntimeError):
    """A check inside a compiled function failed; the text is its message."""


def infini_opt(text, *options):
    """The module after infini-opt with these options, as text."""
    return run([BIN / "infini-opt", *options], text)


def run(command, text):
    """The standard output of a command; its error text becomes the exception's."""
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@cache
def descriptor(rank):
    """The ctypes structure of a memref of this rank."""
    sizes = ctypes.c_int64 * rank
    return type(f"MemRef{rank}", (ctypes.Structure,), {"_fields_": [
        ("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64), ("sizes", sizes),
        ("strides", sizes)]})


def as_descriptor(array):
    """A descriptor of a C-contiguous array, which must outlive it."""
    if not array.flags.c_contiguous:
        raise ValueError(f"expected a C-contiguous array, got strides {array.strides} for shape {array.shape}")
    result = descriptor(array.ndim)()
    result.allocated = result.aligned = array.ctypes.data
    result.offset = 0
    result.sizes[:] = array.shape
    result.strides[:] = [stride // array.itemsize for stride in array.strides]
    return result


def from_descriptor(source, dtype, kept=()):
    """A copy of a returned memref; its memory is freed, unless it is one of the addresses that are kept."""
    shape, strides = tuple(source.sizes), tuple(source.strides)
    array = np.zeros(shape, dtype)
    if array.size:
        expected = tuple(stride // array.itemsize for stride in array.strides)
        if any(have != want for have, want, size in zip(strides, expected, shape) if size > 1):
            raise ValueError(f"expected an identity layout, got strides {strides} for shape {shape}")
        ctypes.memmove(array.ctypes.data, source.aligned + source.offset * array.itemsize, array.nbytes)
    if source.allocated not in kept:
        free(source.allocated)
    return array


free = ctypes.CDLL(None).free
free.argtypes = [ctypes.c_void_p]
free.restype = None


class Library:
    """The functions of one compiled module."""
    loaded = []

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.loaded.append(self.library)
        self.last_error = self.library.infini_last_error
        self.last_error.restype = ctypes.c_char_p

    @classmethod
    def set_threads(cls, count):
        """How many threads the libraries that are loaded use; 0: one a core."""
        for library in cls.loaded:
            library.infini_set_threads(ctypes.c_int32(count))

    def call(self, name, arguments, results):
        """Calls a function on arrays (and Python ints, for index arguments).

        results: (rank, numpy type) of each; returns copies, in order. Raises CheckFailed where a check of the function
        failed.
        """
        arrays = [x if isinstance(x, int) else np.ascontiguousarray(x) for x in arguments]
        passed = [ctypes.c_int64(x) if isinstance(x, int) else ctypes.byref(as_descriptor(x)) for x in arrays]
        out = type("Results", (ctypes.Structure,), {"_fields_": [
            (f"result{i}", descriptor(rank)) for i, (rank, _) in enumerate(results)]})()
        getattr(self.library, f"_mlir_ciface_{name}")(ctypes.byref(out), *passed)
        addresses = {x.ctypes.data for x in arrays if not isinstance(x, int)}  # those that are changed in place come back
        copies = [from_descriptor(getattr(out, f"result{i}"), dtype, addresses) for i, (_, dtype) in enumerate(results)]
        error = self.last_error()
        if error:
            raise CheckFailed(error.decode())
        return copies


def compile_library(text, *options):
    """The loaded library of a module, compiled unless it was by the same infini-compile before (in the build folder)."""
    def compile(source, made):
        run([BIN / "infini-compile", source, "-o", made, "--emit=shared", *options], "")
    return Library(cached(("infini-compile", text, *options), text, compile))


def compile_plainly(text):
    """The same by infini-attn-to-linalg-pipeline: plain loops, made into a library by LLVM's own tools."""
    def compile(source, made):
        lowered = infini_opt(text, "--infini-attn-to-linalg-pipeline")
        source.with_suffix(".ll").write_text(run([LLVM / "mlir-translate", "--mlir-to-llvmir"], lowered))
        run([LLVM / "clang", "-O1", "-shared", "-fPIC", "-Wno-override-module", source.with_suffix(".ll"), "-o", made,
             "-Wl,--whole-archive", RUNTIME, "-Wl,--no-whole-archive", "-fopenmp", "-lm"], "")
    return Library(cached(("linalg", text), text, compile))


def cached(key, text, compile):
    """The file that compile(source, made) makes of text, unless it is there."""
    parts = [part.stat() for part in (BIN / "infini-compile", BIN / "infini-opt", RUNTIME)]
    folder = BIN.parent / "numeric-cache" / sha256(str([(x.st_mtime_ns, x.st_size) for x in parts]).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)  # what another compiler made
    target = folder / (sha256("\0".join(key).encode()).hexdigest()[:24] + ".so")
    if not target.exists():
        with TemporaryDirectory(dir=folder) as scratch:  # two test processes may meet here
            source, made = Path(scratch) / "module.mlir", Path(scratch) / "module.so"
            source.write_text(text)
            compile(source, made)
            made.rename(target)
    return target
