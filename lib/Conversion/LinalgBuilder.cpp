//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::infini_attn;
using llvm::isUpper;
using llvm::toLower;

SmallVector<Value> LinalgBuilder::generic(StringRef loops,
                                          ArrayRef<Indexed> inputs,
                                          ArrayRef<Indexed> inits,
                                          Payloads payload) {
  auto mapOf = [&](StringRef letters) {
    SmallVector<AffineExpr> exprs;
    for (char letter : letters) {
      // 'J' is the other member of pair member j.
      AffineExpr loop = getAffineDimExpr(loops.find(toLower(letter)));
      exprs.push_back(isUpper(letter) ? 1 - loop : loop);
    }
    return AffineMap::get(loops.size(), 0, exprs, getContext());
  };
  SmallVector<Value> inputValues, initValues;
  SmallVector<AffineMap> maps;
  for (const Indexed &input : inputs) {
    inputValues.push_back(input.value);
    maps.push_back(mapOf(input.letters));
  }
  for (const Indexed &init : inits) {
    initValues.push_back(init.value);
    maps.push_back(mapOf(init.letters));
  }
  SmallVector<utils::IteratorType> iterators;
  for (char letter : loops)
    iterators.push_back(inits.front().letters.contains(letter)
                            ? utils::IteratorType::parallel
                            : utils::IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      *this, ValueRange(initValues).getTypes(), inputValues, initValues, maps,
      iterators, [&](OpBuilder &, Location, ValueRange args) {
        // The payload is built by this builder, at the place of the callback.
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToEnd(cast<BlockArgument>(args.front()).getOwner());
        linalg::YieldOp::create(*this, payload(args));
      });
  return op.getResults();
}

Value LinalgBuilder::generic(StringRef loops, ArrayRef<Indexed> inputs,
                             Indexed init, Payload payload) {
  return generic(loops, inputs, ArrayRef<Indexed>(init),
                 [&](ValueRange args) -> SmallVector<Value> {
                   return {payload(args)};
                 })
      .front();
}

Value LinalgBuilder::contract(StringRef loops, Indexed lhs, Indexed rhs,
                              Indexed init) {
  return generic(loops, {lhs, rhs}, init, [&](ValueRange args) -> Value {
    Value product =
        arith::MulFOp::create(*this, widen(args[0]), widen(args[1]));
    return arith::AddFOp::create(*this, args[2], product);
  });
}

Value LinalgBuilder::rounded(Type type, Value x) {
  if (type.isF32() || !getElementTypeOrSelf(x).isF32())
    return x;
  Value out = empty(tensor::getMixedSizes(*this, getLoc(), x));
  return generic("bhnd", {{x, "bhnd"}}, {out, "bhnd"},
                 [&](ValueRange args) { return roundTo(type, args[0]); });
}

Value LinalgBuilder::empty(ArrayRef<OpFoldResult> sizes) {
  return tensor::EmptyOp::create(*this, sizes, getF32Type());
}

Value LinalgBuilder::filled(ArrayRef<OpFoldResult> sizes, double value) {
  return linalg::FillOp::create(*this, f32(value), empty(sizes)).getResult(0);
}

OpFoldResult LinalgBuilder::size(Value tensor, int64_t dim) {
  return tensor::getMixedSize(*this, getLoc(), tensor, dim);
}

Value LinalgBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value LinalgBuilder::i32(uint32_t bits) {
  return arith::ConstantOp::create(
      *this, getI32IntegerAttr(static_cast<int32_t>(bits)));
}

Value LinalgBuilder::widen(Value value) {
  return value.getType().isF32()
             ? value
             : arith::ExtFOp::create(*this, getF32Type(), value).getResult();
}

Value LinalgBuilder::roundTo(Type type, Value value) {
  if (type.isF32())
    return value;
  return widen(arith::TruncFOp::create(*this, type, value));
}

Value LinalgBuilder::sigma(Value x, Type type) {
  Value positive =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, x, f32(0));
  Value sum = arith::AddFOp::create(*this, x, f32(1));
  // Of what is rounded after, 2^(x log2(e)) is accurate enough.
  Value e = type.isF32()
                ? math::ExpOp::create(*this, x).getResult()
                : exp2(arith::MulFOp::create(*this, x, f32(kLog2E)), type);
  return arith::SelectOp::create(*this, positive, sum, e);
}

Value LinalgBuilder::quotient(Value numerator, Value divisor) {
  return share(numerator, divisor, /*epsilon=*/0);
}

Value LinalgBuilder::share(Value numerator, Value divisor, double epsilon) {
  Value isZero =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, divisor, f32(0));
  if (epsilon != 0)
    divisor = arith::AddFOp::create(*this, divisor, f32(epsilon));
  return arith::SelectOp::create(
      *this, isZero, f32(0), arith::DivFOp::create(*this, numerator, divisor));
}

Value LinalgBuilder::times(Value x, Value share) {
  Value isZero =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, share, f32(0));
  return arith::SelectOp::create(*this, isZero, f32(0),
                                 arith::MulFOp::create(*this, x, share));
}

Value LinalgBuilder::narrow(Type type, Value value) {
  return type.isF32() ? value
                      : arith::TruncFOp::create(*this, type, value).getResult();
}

Value LinalgBuilder::sigmoid(Value x) {
  Value e = math::ExpOp::create(*this, arith::NegFOp::create(*this, x));
  return arith::DivFOp::create(*this, f32(1),
                               arith::AddFOp::create(*this, f32(1), e));
}

Value LinalgBuilder::exp2(Value x, Type type) {
  auto result = math::Exp2Op::create(*this, x);
  // f16 has three digits more than bf16, which a rough one would take.
  if (type.isBF16())
    result.setFastmath(arith::FastMathFlags::afn);
  return result;
}

Value LinalgBuilder::greater(Value x, Value y) {
  Value isGreater =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(*this, isGreater, x, y);
}
