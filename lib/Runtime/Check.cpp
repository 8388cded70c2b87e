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

/// Points to the first message; its text is a constant of the compiled code.
static std::atomic<const char *> firstError{nullptr};

INFINI_WEAK void infini_check(int32_t ok, const char *message) {
  const char *none = nullptr;
  if (!ok)
    firstError.compare_exchange_strong(none, message);
}

INFINI_WEAK const char *infini_last_error(void) {
  return firstError.exchange(nullptr);
}
