//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Options of the address sanitizer, part of every program of a build with it.
///
//===----------------------------------------------------------------------===//

/// LLVM's arenas poison what they have not handed out. Their code is in
/// headers: here it poisons, in libMLIR.so, which has no instrumentation, it
/// does not take that back, and the sanitizer would report memory that is in
/// use.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer's name for it.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0";
}
