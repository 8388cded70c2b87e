//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Rotary embedding of keys that are kept for later queries.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_TRANSFORMS_ROTATEKEYS_H
#define INFINI_ATTN_LIB_TRANSFORMS_ROTATEKEYS_H

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn {

/// `keys` (1 x 1 x N x Dk) with the rotated \p k (1 x 1 x \p size x Dk) at
/// tokens \p place, \p place + 1, ..., which are also the positions of its
/// tokens [S11]. Angles and products are f32, rounded to the type of the keys.
Value rotateKeys(ImplicitLocOpBuilder &b, Value k, Value frequencies,
                 RotaryStyle style, OpFoldResult place, OpFoldResult size,
                 Value keys);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_TRANSFORMS_ROTATEKEYS_H
