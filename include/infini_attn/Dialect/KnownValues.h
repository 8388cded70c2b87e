//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What is known about the elements of tensors before run time.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_KNOWNVALUES_H
#define INFINI_ATTN_DIALECT_KNOWNVALUES_H

#include "mlir/IR/Value.h"

namespace mlir::infini_attn {

/// The scalar that every element of \p value is a copy of, or null.
Value filledWith(Value value);

/// Whether every element of \p value is known to be 0, or -0.
bool isKnownZero(Value value);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_DIALECT_KNOWNVALUES_H
