//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The rotary embedding [S11], in f32: of one pair of components, payloads of
/// the loops that rotate a segment's queries and keys, and of the few tokens of
/// a step.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_ROTATION_H
#define INFINI_ATTN_DIALECT_ROTATION_H

#include "infini_attn/Dialect/InfiniAttn.h"

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

/// \p into (1 x 1 x N x Dk) with the rotated \p x (1 x 1 x \p size x Dk, of the
/// same element type) at its tokens \p place, \p place + 1, ...; the first of
/// them has \p position. Angles and products are f32.
Value rotateTokens(ImplicitLocOpBuilder &b, Value x, Value frequencies,
                   RotaryStyle style, OpFoldResult position, OpFoldResult size,
                   Value into, OpFoldResult place);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_DIALECT_ROTATION_H
