//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The state of a stream: that of each of its attentions.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_TRANSFORMS_STREAMSTATE_H
#define INFINI_ATTN_LIB_TRANSFORMS_STREAMSTATE_H

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn {

/// Tensors of the state of one attention, in the order of the operands of
/// `attention_step`.
enum StateTensor : unsigned {
  kMemory,
  kNormalizer,
  kPendingMemory,
  kPendingNormalizer,
  kKeys,
  kValues,
  kCount,
  kStateTensors
};

/// The types of the state of \p op; a diagnostic where sizes other than the
/// batch are not static.
FailureOr<SmallVector<Type>> getStateTypes(AttentionOp op);

/// `NAME(%batch: index) -> state...`, all of it zero.
func::FuncOp createInit(OpBuilder &builder, Location loc, StringRef name,
                        TypeRange stateTypes);

/// `NAME(state...) -> state...`: the open segments are committed where they
/// have tokens, and closed [S13].
func::FuncOp createFlush(OpBuilder &builder, Location loc, StringRef name,
                         TypeRange stateTypes);

/// Names the last arguments of \p function, its state: `state.0.memory`, ...
void nameStateArguments(func::FuncOp function, unsigned stateCount);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_TRANSFORMS_STREAMSTATE_H
