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
#include <malloc.h>
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
#ifdef MADV_HUGEPAGE
constexpr size_t kPage = size_t(2) << 20, kLarge = size_t(4) << 20;

namespace {
/// Large blocks that were freed. The next call of a program wants the same
/// sizes again, and memory from the system is cleared page by page. The system
/// may take their pages when it needs some.
class Kept {
public:
  /// A block of \p bytes and not half as many more, or null.
  void *take(size_t bytes) {
    Lock lock(busy);
    Block *best = nullptr;
    for (Block &block : blocks)
      if (block.bytes >= bytes && block.bytes <= bytes + bytes / 2 &&
          (!best || block.bytes < best->bytes))
        best = &block;
    if (!best)
      return nullptr;
    void *memory = best->memory;
    total -= best->bytes;
    *best = {};
    return memory;
  }

  /// Whether the block is kept: there is a place for it.
  bool keep(void *memory, size_t bytes) {
    Lock lock(busy);
    if (total + bytes > kMostBytes)
      return false;
    for (Block &block : blocks)
      if (!block.memory) {
        block = {memory, bytes};
        total += bytes;
        return true;
      }
    return false;
  }

private:
  static constexpr size_t kMostBytes = size_t(256) << 20;
  struct Block {
    void *memory = nullptr;
    size_t bytes = 0;
  };
  struct Lock {
    explicit Lock(std::atomic_flag &busy) : busy(busy) {
      while (busy.test_and_set(std::memory_order_acquire))
        ;
    }
    ~Lock() { busy.clear(std::memory_order_release); }
    std::atomic_flag &busy;
  };
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
  Block blocks[16];
  size_t total = 0;
};
} // namespace

static Kept kept;

/// The pages that lie in a block entirely.
static void advise(void *memory, size_t bytes, int advice) {
  size_t begin = (reinterpret_cast<size_t>(memory) + kPage - 1) / kPage * kPage,
         end = (reinterpret_cast<size_t>(memory) + bytes) / kPage * kPage;
  if (begin < end)
    madvise(reinterpret_cast<void *>(begin), end - begin, advice);
}
#endif

static void *allocate(size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (bytes >= kLarge) {
    if (void *memory = kept.take(bytes))
      return memory;
    void *memory;
    if (posix_memalign(&memory, kPage, bytes) == 0) {
      advise(memory, bytes, MADV_HUGEPAGE);
      return memory;
    }
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

INFINI_WEAK void infini_free(void *memory) {
#ifdef MADV_HUGEPAGE
  if (size_t bytes = malloc_usable_size(memory); bytes >= kLarge) {
    advise(memory, bytes, MADV_FREE);
    if (kept.keep(memory, bytes))
      return;
  }
#endif
  free(memory);
}
