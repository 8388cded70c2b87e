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

/// Written by the one thread that took `state` from kNone to kTaken.
static struct {
  const char *message;
  int64_t values[3];
} firstError;

enum State { kNone, kTaken, kWritten };
static std::atomic<int> state{kNone};

INFINI_WEAK void infini_check(int32_t ok, const char *message, int64_t first,
                              int64_t second, int64_t third) {
  int none = kNone;
  if (ok || !state.compare_exchange_strong(none, kTaken))
    return;
  firstError = {message, {first, second, third}};
  state = kWritten;
}

INFINI_WEAK const char *infini_last_error(void) {
  if (state != kWritten)
    return nullptr;
  static thread_local char text[512];
  char *at = text, *const end = text + sizeof(text) - 1;
  for (const char *from = firstError.message; *from && at < end;) {
    unsigned index = from[0] == '{' ? static_cast<unsigned>(from[1] - '0') : 3;
    if (index >= 3 || from[2] != '}') {
      *at++ = *from++;
      continue;
    }
    // What has no room is cut off.
    int length = snprintf(at, end - at + 1, "%lld",
                          static_cast<long long>(firstError.values[index]));
    at += length < end - at ? length : end - at;
    from += 3;
  }
  *at = 0;
  state = kNone;
  return text;
}
