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

Value LinalgBuilder::sigma(Value x) {
  Value positive =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, x, f32(0));
  return arith::SelectOp::create(*this, positive,
                                 arith::AddFOp::create(*this, x, f32(1)),
                                 math::ExpOp::create(*this, x));
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

/// x = n + r with an integer n and |r| <= 1/2, so that 2^x = 2^n p(r). All of
/// it is arithmetic that a vector unit has, and NaN stays NaN.
Value LinalgBuilder::exp2OfNonPositive(Value x, int degree) {
  // The coefficients after the constant 1 have the smallest largest relative
  // error on [-1/2, 1/2].
  static constexpr double kFourth[] = {0.6931241750717163, 0.24024099111557007,
                                       0.055906426161527634,
                                       0.009582852944731712};
  static constexpr double kSixth[] = {
      0.6931471824645996,  0.24022647738456726,   0.055503323674201965,
      0.00961843691766262, 0.0013398875016719103, 0.00015353361959569156};
  ArrayRef<double> coefficients =
      degree == 4 ? ArrayRef(kFourth) : ArrayRef(kSixth);

  // A NaN fails the comparison and stays.
  Value lowest = f32(-127);
  Value isBelow =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, lowest, x);
  x = arith::SelectOp::create(*this, isBelow, lowest, x);
  // Adding 1.5 * 2^23 rounds to an integer, which stands in the low bits: with
  // 127 more, it is the exponent of 2^n, where -127 makes the number 0.
  Value magic = f32(12582912.0 + 127);
  Value shifted = arith::AddFOp::create(*this, x, magic);
  Value r = arith::SubFOp::create(*this, x,
                                  arith::SubFOp::create(*this, shifted, magic));
  Value bits = arith::BitcastOp::create(*this, getI32Type(), shifted);
  Value exponent = arith::ShLIOp::create(
      *this, bits, arith::ConstantOp::create(*this, getI32IntegerAttr(23)));
  Value power = arith::BitcastOp::create(*this, getF32Type(), exponent);

  Value p = f32(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    p = math::FmaOp::create(*this, p, r, f32(coefficient));
  p = math::FmaOp::create(*this, p, r, f32(1));
  return arith::MulFOp::create(*this, p, power);
}
