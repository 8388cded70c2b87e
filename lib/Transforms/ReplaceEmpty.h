//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Operations that the types tell to have nothing to compute.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_TRANSFORMS_REPLACEEMPTY_H
#define INFINI_ATTN_LIB_TRANSFORMS_REPLACEEMPTY_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::infini_attn {

/// Replaces \p op, an infini_attn operation, where a static size says that it
/// has no batch row or no token: the state stays as it was, and what is left of
/// the other results is zeros. Upstream's verifier allows no slice of a tensor
/// with a static size of 0, so such an operation cannot be tiled. Lengths and
/// sizes are checked as everywhere. Returns whether it did.
bool replaceEmpty(RewriterBase &rewriter, Operation *op);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_TRANSFORMS_REPLACEEMPTY_H
