//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Weak.h"

#include "infini_attn/Runtime/Runtime.h"

#include <algorithm>
#include <omp.h>

/// Ranges a thread, so that a thread that is held up does not hold up the rest.
static constexpr int64_t kRangesPerThread = 4;

INFINI_WEAK void infini_set_threads(int32_t threads) {
  omp_set_num_threads(threads > 0 ? std::min(threads, INFINI_MAX_THREADS)
                                  : omp_get_num_procs());
}

INFINI_WEAK void infini_parallel_for(void (*body)(void *, int64_t, int64_t),
                                     void *context, int64_t count) {
  // The environment may ask for more (OMP_NUM_THREADS).
  int threads = std::min(omp_get_max_threads(), INFINI_MAX_THREADS);
  if (count <= 1 || threads == 1) {
    if (count > 0)
      body(context, 0, count);
    return;
  }
  int64_t ranges = std::min(count, threads * kRangesPerThread);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int64_t range = 0; range < ranges; ++range)
    body(context, count * range / ranges, count * (range + 1) / ranges);
}
