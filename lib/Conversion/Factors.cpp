//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What products are made of: the type of their factors, and the scores' scale.
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

std::optional<Type> infini_attn::factorType(std::optional<Precision> precision,
                                            Type element) {
  if (!precision)
    return element;
  MLIRContext *context = element.getContext();
  switch (*precision) {
  case Precision::Ieee:
  // Their products are of f32, in parts or not.
  case Precision::Bf16x6:
  case Precision::Bf16x3:
    return Float32Type::get(context);
  case Precision::Bf16:
    return BFloat16Type::get(context);
  case Precision::F16:
    return Float16Type::get(context);
  default:
    return std::nullopt;
  }
}

int64_t infini_attn::partsOf(std::optional<Precision> precision) {
  return precision == Precision::Bf16x6   ? 3
         : precision == Precision::Bf16x3 ? 2
                                          : 1;
}

void infini_attn::remarkOnPlainProducts(Operation *op,
                                        std::optional<Precision> precision) {
  if (partsOf(precision) > 1)
    op->emitRemark("products of f32 instead of ")
        << stringifyPrecision(*precision) << ": as exact and no slower here";
}

Value infini_attn::makeScale(LinalgBuilder &b, Value q, FloatAttr scale) {
  if (scale)
    return b.f32(scale.getValueAsDouble());
  OpFoldResult width = b.size(q, 3);
  if (std::optional<int64_t> known = getConstantIntValue(width))
    return b.f32(1.0 / std::sqrt(static_cast<double>(*known)));
  Value dynamic = arith::SIToFPOp::create(
      b, b.getF32Type(),
      arith::IndexCastOp::create(b, b.getI64Type(), cast<Value>(width)));
  return arith::DivFOp::create(b, b.f32(1), math::SqrtOp::create(b, dynamic));
}
