//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Whether the sizes of arrays fit together, where types leave them open.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_SHAPECHECK_H
#define INFINI_ATTN_TARGET_SHAPECHECK_H

#include "infini_attn/IO/Array.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::infini_attn {

/// Verifies the infini_attn operations of `function`, which is not lowered and
/// stays as it is, as if its arguments had the shapes of `arrays`. Compiled
/// code takes it for granted that sizes with the same letter are equal.
llvm::Error checkShapes(func::FuncOp function,
                        llvm::ArrayRef<infini::Array> arrays);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_SHAPECHECK_H
