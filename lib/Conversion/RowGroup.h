//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

///
/// \file
/// Which operations of a block share a loop over blocks of rows.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_ROWGROUP_H
#define INFINI_ATTN_LIB_CONVERSION_ROWGROUP_H

#include "TiledContraction.h"

#include <vector>

namespace mlir::infini_attn {

/// Operations of one block whose results have a dimension of the same rows.
struct RowGroup {
  SmallVector<linalg::LinalgOp> ops; ///< producers first
  llvm::SmallPtrSet<Operation *, 16> set;
  DenseMap<Value, int64_t> rows; ///< of each result: its dimension of rows
  std::vector<Contraction> products;

  /// Whether \p op, or what it holds, reads a result.
  bool isReadBy(Operation *op) const {
    return op
        ->walk([&](Operation *inner) {
          return llvm::any_of(
                     inner->getOperands(),
                     [&](Value operand) { return rows.contains(operand); })
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  }
};

/// The dimension of a value that follows \p loop, or none.
std::optional<int64_t> dimOf(AffineMap map, unsigned loop);

/// The group around \p product: what it needs, and what follows from it until
/// an operation that cannot be a part reads it. Empty where the loop has no
/// place.
RowGroup findRowGroup(linalg::LinalgOp product, bool bf16Pairs);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_ROWGROUP_H
