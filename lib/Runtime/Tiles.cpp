//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Runtime/Runtime.h"

#include "Weak.h"

#include <atomic>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Linux saves the registers of a thread in room that grows by 8 KiB with the
/// tiles, and wants to be asked (Documentation/arch/x86/xstate.rst).
static bool request() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  unsigned eax, ebx, ecx, edx;
  constexpr unsigned kTileAndBF16 = 1u << 24 | 1u << 22;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
         (edx & kTileAndBF16) == kTileAndBF16 &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#else
static bool request() { return false; }
#endif

INFINI_WEAK int32_t infini_request_amx(void) {
  // Two threads that ask at once get the same answer.
  static std::atomic<int32_t> answer{-1};
  if (answer < 0)
    answer = request();
  return answer;
}
