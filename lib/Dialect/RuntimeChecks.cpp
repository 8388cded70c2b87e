//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::infini_attn;

void infini_attn::checkCounts(OpBuilder &builder, Location loc, Value counts,
                              OpFoldResult limit, const Twine &message) {
  ImplicitLocOpBuilder b(loc, builder);
  auto toValue = [&](OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b, loc, size);
  };
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value rows = toValue(tensor::getMixedSize(b, loc, counts, 0));
  Value last = arith::IndexCastOp::create(b, b.getI64Type(), toValue(limit));
  auto loop = scf::ForOp::create(b, zero, rows, one);
  b.setInsertionPointToStart(loop.getBody());
  Value count = tensor::ExtractOp::create(b, counts, loop.getInductionVar());
  // Unsigned: a negative count is a large one.
  Value inside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, count, last);
  cf::AssertOp::create(b, inside, b.getStringAttr(message));
}

Value infini_attn::boundFrequencies(OpBuilder &builder, Location loc,
                                    Value frequencies, OpFoldResult width) {
  ImplicitLocOpBuilder b(loc, builder);
  OpFoldResult pairs = tensor::getMixedSize(b, loc, frequencies, 0);
  if (getConstantIntValue(pairs) && getConstantIntValue(width))
    return frequencies; // verified
  Value have = getValueOrCreateConstantIndexOp(b, loc, pairs);
  Value most =
      arith::DivUIOp::create(b, getValueOrCreateConstantIndexOp(b, loc, width),
                             arith::ConstantIndexOp::create(b, 2));
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, have, most);
  cf::AssertOp::create(b, fits,
                       "expected at most Dk / 2 rotary frequencies, got more");
  Value bounded = arith::MinUIOp::create(b, have, most);
  using Sizes = SmallVector<OpFoldResult>;
  return tensor::ExtractSliceOp::create(
      b, frequencies, Sizes{b.getIndexAttr(0)}, Sizes{bounded},
      Sizes{b.getIndexAttr(1)});
}
