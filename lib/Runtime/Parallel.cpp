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
#include <atomic>
#include <omp.h>

using Body = void (*)(void *context, int64_t begin, int64_t end);

/// Ranges a thread, so that a thread that is held up does not hold up the rest.
static constexpr int64_t kRangesPerThread = 16;

/// Threads of a loop inside of a task of an outer loop; 0 outside of any.
static thread_local int threadsOfTask = 0;

static int availableThreads() {
  if (threadsOfTask > 0)
    return threadsOfTask;
  // The environment may ask for more (OMP_NUM_THREADS).
  return std::min(omp_get_max_threads(), INFINI_MAX_THREADS);
}

/// Calls \p body by \p threads, each of which leaves \p inside of them to loops
/// in the body.
static void run(Body body, void *context, int64_t count, int threads,
                int inside) {
  int64_t ranges = std::min(count, threads * kRangesPerThread);
  // In order: the longest tasks come first. (OpenMP's dynamic schedule deals
  // them out in advance, and has idle threads steal.)
  std::atomic<int64_t> next{0};
#pragma omp parallel num_threads(threads)
  {
    int before = threadsOfTask;
    threadsOfTask = inside;
    for (int64_t range; (range = next.fetch_add(1)) < ranges;)
      body(context, count * range / ranges, count * (range + 1) / ranges);
    threadsOfTask = before;
  }
}

/// How many of \p count tasks run at a time, on equal parts of \p threads: as
/// many as keep within 5% of the most that threads can be busy.
static int chooseTeams(int64_t count, int threads) {
  auto use = [&](int64_t teams) {
    int64_t turns = (count + teams - 1) / teams;
    return static_cast<double>(threads / teams * count) / (threads * turns);
  };
  int64_t most = std::min<int64_t>(count, threads);
  double best = 0;
  for (int64_t teams = 1; teams <= most; ++teams)
    best = std::max(best, use(teams));
  while (most > 1 && use(most) < 0.95 * best)
    --most;
  return static_cast<int>(most);
}

INFINI_WEAK void infini_set_threads(int32_t threads) {
  omp_set_num_threads(threads > 0 ? std::min(threads, INFINI_MAX_THREADS)
                                  : omp_get_num_procs());
}

INFINI_WEAK void infini_parallel_for(Body body, void *context, int64_t count) {
  int threads = availableThreads();
  if (count > 1 && threads > 1)
    run(body, context, count, threads, /*inside=*/1);
  else if (count > 0)
    body(context, 0, count);
}

INFINI_WEAK void infini_parallel_for_outer(Body body, void *context,
                                           int64_t count) {
  int threads = availableThreads();
  int teams = count > 0 ? chooseTeams(count, threads) : 1;
  if (teams == threads)
    return infini_parallel_for(body, context, count);
  if (teams == 1) // each task in its turn, on all threads
    return body(context, 0, count);
  omp_set_max_active_levels(2);
  run(body, context, count, teams, /*inside=*/threads / teams);
}
