//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The rotary embedding [S11] of one pair of components, in f32: payloads of
/// the loops that rotate a segment's queries and keys, and a stream's keys.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_ROTATION_H
#define INFINI_ATTN_DIALECT_ROTATION_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn {

/// {cos, sin} of position * frequency, of an i64 \p position and an f32
/// \p frequency.
SmallVector<Value> cosineAndSine(ImplicitLocOpBuilder &b, Value position,
                                 Value frequency);

/// \p x, component \p member (an index, 0 or 1) of its pair, turned towards the
/// other component, \p partner: (x0, x1) becomes
/// (x0 cos - x1 sin, x1 cos + x0 sin).
Value turn(ImplicitLocOpBuilder &b, Value member, Value x, Value partner,
           Value cosine, Value sine);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_DIALECT_ROTATION_H
