//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/Rotation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

SmallVector<Value> infini_attn::cosineAndSine(ImplicitLocOpBuilder &b,
                                              Value position, Value frequency) {
  position = arith::TruncIOp::create(b, b.getI32Type(), position);
  position = arith::SIToFPOp::create(b, b.getF32Type(), position);
  Value angle = arith::MulFOp::create(b, position, frequency);
  return {math::CosOp::create(b, angle), math::SinOp::create(b, angle)};
}

Value infini_attn::turn(ImplicitLocOpBuilder &b, Value member, Value x,
                        Value partner, Value cosine, Value sine) {
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, member,
                                        arith::ConstantIndexOp::create(b, 0));
  sine =
      arith::SelectOp::create(b, isFirst, arith::NegFOp::create(b, sine), sine);
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, cosine),
                               arith::MulFOp::create(b, partner, sine));
}
