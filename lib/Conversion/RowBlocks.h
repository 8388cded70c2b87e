//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Operations that treat each row (token) by itself, in one loop over blocks of
/// rows, so that what passes from one to the next stays in the caches.
///
///     n = norm(x);  g = n Wg;  u = n Wu;  y = x + (silu(g) u) Wd
///     =>
///     forall block of rows: all of it, of these rows
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_ROWBLOCKS_H
#define INFINI_ATTN_LIB_CONVERSION_ROWBLOCKS_H

#include "TiledContraction.h"

namespace mlir::infini_attn {

/// Puts \p products, in the order of their block, and the operations around
/// them into such loops, two products or more in each. Returns those to tile:
/// where they were left, or their copies. A copy's task is the block of rows.
SmallVector<TaskContraction> blockRows(RewriterBase &rewriter,
                                       ArrayRef<linalg::LinalgOp> products,
                                       bool bf16Pairs);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_ROWBLOCKS_H
