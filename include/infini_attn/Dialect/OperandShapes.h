//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Shapes of operands, as the documentation of each operation has them. The
/// verifiers check the sizes that are known, lowered code the others.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_OPERANDSHAPES_H
#define INFINI_ATTN_DIALECT_OPERANDSHAPES_H

#include "mlir/IR/Value.h"

namespace mlir::infini_attn {

/// An operand and the name that diagnostics give it.
struct OperandShape {
  StringRef name;
  Value value;     ///< null where absent
  StringRef shape; ///< such as "B x Hq x T x Dk": equal letters, equal sizes
};

/// The operands of \p op, an infini_attn operation, in order; all but the
/// rotary frequencies, whose number is only bounded.
SmallVector<OperandShape> operandShapes(Operation *op);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_DIALECT_OPERANDSHAPES_H
