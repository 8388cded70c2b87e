//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Checks that lowered code makes of operands whose values or sizes only run
/// time tells. Each is an `infini_attn.check`, after which the code is safe all
/// the same.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_RUNTIMECHECKS_H
#define INFINI_ATTN_DIALECT_RUNTIMECHECKS_H

#include "mlir/IR/Builders.h"

namespace mlir::infini_attn {

/// Checks that element \p row of \p counts, a tensor of one i64 a batch row, is
/// from 0 to \p limit. The message calls the counts \p name and what they count
/// \p unit; its row is that of the tensor which \p counts was sliced from.
void checkCount(OpBuilder &builder, Location loc, Value counts, Value row,
                OpFoldResult limit, const Twine &name, const Twine &unit);

/// `checkCount` of each row.
void checkCounts(OpBuilder &builder, Location loc, Value counts,
                 OpFoldResult limit, const Twine &name, const Twine &unit);

/// \p frequencies, at most one a pair of components of a head of \p width. More
/// of them are reported and left out.
Value boundFrequencies(OpBuilder &builder, Location loc, Value frequencies,
                       OpFoldResult width);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_DIALECT_RUNTIMECHECKS_H
