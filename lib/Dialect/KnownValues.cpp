//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/KnownValues.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

Value infini_attn::filledWith(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return fill.getInputs().front();
  if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    return splat.getInput();
  return {};
}

bool infini_attn::isKnownZero(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::ExtractSliceOp>(op))
      break;
    value = op->getOperand(0);
  }
  Value scalar = filledWith(value);
  return matchPattern(scalar ? scalar : value, m_AnyZeroFloat());
}
