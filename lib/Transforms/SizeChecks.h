//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Relations between sizes that only run time can tell.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_TRANSFORMS_SIZECHECKS_H
#define INFINI_ATTN_LIB_TRANSFORMS_SIZECHECKS_H

#include "mlir/IR/Builders.h"

namespace mlir::infini_attn {

/// Emits a `cf.assert` for each relation between the sizes of the operands of
/// \p op, an infini_attn operation, that the verifier could not check: sizes
/// with the same letter are equal, no head or width is 0, Hq is a multiple of
/// Hkv. Returns whether all hold (i1), or null where the types tell.
Value checkSizes(OpBuilder &builder, Operation *op);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_TRANSFORMS_SIZECHECKS_H
