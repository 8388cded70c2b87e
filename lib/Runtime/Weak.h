//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Functions whose place a host program may take.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_RUNTIME_WEAK_H
#define INFINI_ATTN_LIB_RUNTIME_WEAK_H

/// On a definition: one of the host's own wins over it without an error.
#define INFINI_WEAK __attribute__((weak))

#endif // INFINI_ATTN_LIB_RUNTIME_WEAK_H
