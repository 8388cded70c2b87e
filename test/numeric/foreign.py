"""Calls compiled functions of another instruction set: linked with a small host program, and run by QEMU."""
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np

from compiled import BIN, LLVM, run

SYSROOT = Path("/usr/aarch64-linux-gnu")
QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
PARTS = [SYSROOT / "lib/libc.so.6", Path("/usr/lib/gcc-cross/aarch64-linux-gnu")]
MISSING = None if QEMU and all(part.exists() for part in PARTS) else "expected qemu-user-static, libc6-dev-arm64-cross and libgcc-12-dev-arm64-cross"

# Tensors come and go through files: rank, bytes of an element, sizes, elements. The runtime's loops run on one thread.
HOST = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { void *allocated; char *aligned; int64_t offset, shape[8]; } memref; // sizes, then strides
typedef void (*body)(void *context, int64_t begin, int64_t end);

void infini_parallel_for(body run, void *context, int64_t count) { if (count > 0) run(context, 0, count); }
void infini_parallel_for_outer(body run, void *context, int64_t count) { if (count > 0) run(context, 0, count); }
void *infini_malloc(size_t bytes) { return malloc(bytes ? bytes : 1); }
void infini_free(void *memory) { free(memory); }
void *infini_calloc(size_t count, size_t size) { return calloc(count ? count : 1, size ? size : 1); }
void infini_check(int32_t ok, const char *message, int64_t a, int64_t b, int64_t c) { if (!ok) { fprintf(stderr, "%s\n", message); exit(3); } }

void ENTRY(void *, void *, void *, void *, void *, void *, void *, void *, void *, void *, void *, void *, void *);

static void need(int is_good, const char *what) { if (!is_good) { fprintf(stderr, "expected %s\n", what); exit(2); } }

int main(int count, char **files) { // inputs, "-", outputs by rank and bytes of an element, a file
  memref inputs[16]; void *given[16] = {0}; int n = 0, i = 1;
  for (; strcmp(files[i], "-") != 0; ++i, ++n) {
    FILE *file = fopen(files[i], "rb"); int64_t head[2], size = 1, *shape = inputs[n].shape;
    need(file && n < 16 && fread(head, 8, 2, file) == 2 && head[0] <= 4 && fread(shape, 8, head[0], file) == (size_t)head[0], "a tensor");
    for (int d = head[0] - 1; d >= 0; --d) { shape[head[0] + d] = size; size *= shape[d]; }
    inputs[n].allocated = inputs[n].aligned = malloc(size * head[1] + 64); inputs[n].offset = 0; given[n] = &inputs[n];
    need(fread(inputs[n].aligned, head[1], size, file) == (size_t)size, "elements"); fclose(file);
  }
  int64_t results[256] = {0};
  ENTRY(results, given[0], given[1], given[2], given[3], given[4], given[5], given[6], given[7], given[8], given[9], given[10], given[11]);
  int64_t *result = results;
  for (++i; i + 2 < count; i += 3) {
    int rank = atoi(files[i]), bytes = atoi(files[i + 1]); int64_t size = 1;
    memref *x = (memref *)result;
    for (int d = 0; d < rank; ++d) size *= x->shape[d];
    FILE *file = fopen(files[i + 2], "wb"); need(file != 0, "a file to write");
    need(fwrite(x->shape, 8, rank, file) == (size_t)rank && fwrite(x->aligned + x->offset * bytes, bytes, size, file) == (size_t)size && fclose(file) == 0, "room");
    result += 3 + 2 * rank;
  }
  return 0;
}
"""


class Library:
    """The functions of one module, compiled for AArch64 with these options, called as those of compiled.Library are."""

    def __init__(self, text, options, folder):
        self.folder = folder
        (folder / "module.mlir").write_text(text)
        (folder / "host.c").write_text(HOST)
        run([BIN / "infini-compile", folder / "module.mlir", "--mtriple=aarch64-linux-gnu", "-o", folder / "module.o", *options], "")

    def call(self, name, arguments, results):
        # Every argument is a pointer; a callee does not see those that it does not take.
        host = self.folder / f"host-{name}"
        run([LLVM / "clang", "--target=aarch64-linux-gnu", "-O1", "-fuse-ld=lld", f"-DENTRY=_mlir_ciface_{name}", self.folder / "host.c",
             self.folder / "module.o", "-o", host, "-lm"], "")
        command = [QEMU, "-cpu", "max", "-L", SYSROOT, host]
        for i, x in enumerate(map(np.ascontiguousarray, arguments)):
            path = self.folder / f"in{i}"
            path.write_bytes(struct.pack(f"{2 + x.ndim}q", x.ndim, x.itemsize, *x.shape) + x.tobytes())
            command.append(path)
        command.append("-")
        for i, (rank, dtype) in enumerate(results):
            command += [rank, np.dtype(dtype).itemsize, self.folder / f"out{i}"]
        subprocess.run([str(part) for part in command], check=True, timeout=300)
        return [self.read(i, rank, dtype) for i, (rank, dtype) in enumerate(results)]

    def read(self, i, rank, dtype):
        data = (self.folder / f"out{i}").read_bytes()
        return np.frombuffer(data[8 * rank:], dtype).reshape(struct.unpack(f"{rank}q", data[:8 * rank]))
