//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What compiled code calls, and what a host asks of it. C.
///
/// Each function here is a weak symbol: one that a host program defines itself
/// takes its place, in a program that is linked with this library and, where
/// the program's symbols are visible to libraries (as with -rdynamic), in the
/// shared libraries of infini-compile. A host that defines infini_check answers
/// infini_last_error too.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_RUNTIME_RUNTIME_H
#define INFINI_ATTN_RUNTIME_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Calls `body(context, begin, end)` on disjoint ranges that cover [0, count),
/// on several threads; returns when all are done.
void infini_parallel_for(void (*body)(void *context, int64_t begin,
                                      int64_t end),
                         void *context, int64_t count);

/// The same where the body calls infini_parallel_for itself: with fewer calls
/// than threads, or as many as would leave some idle at the end, the threads
/// that are over go to the loops inside. A host that defines
/// infini_parallel_for may leave this as it is; its function is then called
/// from its own tasks.
void infini_parallel_for_outer(void (*body)(void *context, int64_t begin,
                                            int64_t end),
                               void *context, int64_t count);

/// The most threads that infini_parallel_for uses: more do not pay, and where
/// the system has too few, OpenMP would end the process.
#define INFINI_MAX_THREADS 1024

/// Threads that infini_parallel_for uses from now on, at most
/// INFINI_MAX_THREADS; 0 or less means all of the machine.
void infini_set_threads(int32_t threads);

/// Records `message` and its values where `ok` is 0, if it is the first since
/// the last call of infini_last_error. `{0}`, `{1}` and `{2}` in it stand for
/// `first`, `second` and `third`. Its text must live as long as the process.
/// Thread-safe.
void infini_check(int32_t ok, const char *message, int64_t first,
                  int64_t second, int64_t third);

/// Whether this process may use the tiles of AMX: asks the system the first
/// time.
int32_t infini_request_amx(void);

/// malloc and calloc of compiled code, which writes to what it gets without a
/// look. The memory is for free().
void *infini_malloc(size_t bytes);
void *infini_calloc(size_t count, size_t size);

/// free of compiled code. Up to 256 MiB of blocks of 4 MiB and more are kept
/// for the next infini_malloc; the system may have their pages when it needs
/// some.
void infini_free(void *memory);

/// What is called, on any thread, when there are no `bytes` of memory left: it
/// must not return. A null pointer means one line on stderr, and abort().
void infini_set_out_of_memory(void (*handler)(size_t bytes));

/// The message of the first check that failed, with its values, or a null
/// pointer; forgets it. The text is the calling thread's until its next call.
const char *infini_last_error(void);

#ifdef __cplusplus
}
#endif

#endif // INFINI_ATTN_RUNTIME_RUNTIME_H
