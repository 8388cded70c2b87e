//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Weak.h"

#include "infini_attn/Runtime/Runtime.h"

#include <atomic>
#include <stdio.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

/// Compiled code has no way to stop, least of all on one of several threads.
static void giveUp(size_t bytes) {
  fprintf(stderr, "error: expected %zu bytes of memory, got none\n", bytes);
  abort();
}

static std::atomic<void (*)(size_t)> outOfMemory{giveUp};

INFINI_WEAK void infini_set_out_of_memory(void (*handler)(size_t bytes)) {
  outOfMemory = handler ? handler : giveUp;
}

/// malloc, on pages of 2 MiB where Linux gives them on request: from 32 MiB on,
/// glibc gives memory back as soon as it is free, so that the buffers of each
/// call are new, and each page of 4 KiB a fault at first use. Smaller ones are
/// used again as they are.
static void *allocate(size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr size_t kPage = size_t(2) << 20, kLarge = size_t(4) << 20;
  void *memory;
  if (bytes >= kLarge && posix_memalign(&memory, kPage, bytes) == 0) {
    madvise(memory, bytes / kPage * kPage, MADV_HUGEPAGE);
    return memory;
  }
#endif
  return malloc(bytes);
}

INFINI_WEAK void *infini_malloc(size_t bytes) {
  void *memory = allocate(bytes);
  // malloc(0) may be null where all is well.
  if (!memory && bytes > 0)
    outOfMemory.load()(bytes);
  return memory;
}

INFINI_WEAK void *infini_calloc(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory && count > 0 && size > 0)
    outOfMemory.load()(count > SIZE_MAX / size ? SIZE_MAX : count * size);
  return memory;
}
