//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Keeps slices inside of their tensor.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNGUARDSLICES
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

using Bounds = ValueBoundsConstraintSet;
using Order = Bounds::ComparisonOperator;

namespace {
/// Checks one slice of \p whole. A slice outside is reported, and `ok` says so.
class SliceGuard {
public:
  SliceGuard(OffsetSizeAndStrideOpInterface op, Value whole)
      : b(op->getLoc(), op), op(op), whole(whole),
        type(cast<RankedTensorType>(whole.getType())) {}

  /// Makes the checks that only run time can.
  void check();
  void checkSource(tensor::InsertSliceOp slice);
  bool isOpen() const { return ok != nullptr; }
  /// Where the check fails, an empty or first part of \p op's tensor or zeros.
  void makeSafe(tensor::ExtractSliceOp slice);
  void makeSafe(tensor::InsertSliceOp slice);

private:
  bool isKnownInside(int64_t dim);
  bool isKnownNonNegative(OpFoldResult value) {
    return Bounds::compare(value, Order::GE, OpFoldResult(b.getIndexAttr(0)));
  }
  void checkDim(int64_t dim);
  void expect(arith::CmpIPredicate predicate, Value lhs, Value rhs,
              const Twine &what, int64_t dim);
  /// (size - 1) * stride + 1
  Value extentOf(Value size, OpFoldResult stride);
  Value toValue(OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
  }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  OpFoldResult orElse(OpFoldResult value, int64_t otherwise) {
    if (getConstantIntValue(value))
      return value;
    return arith::SelectOp::create(b, ok, cast<Value>(value),
                                   constant(otherwise))
        .getResult();
  }

  ImplicitLocOpBuilder b;
  OffsetSizeAndStrideOpInterface op;
  Value whole, ok;
  RankedTensorType type;
};
} // namespace

bool SliceGuard::isKnownInside(int64_t dim) {
  OpFoldResult offset = op.getMixedOffsets()[dim],
               size = op.getMixedSizes()[dim];
  std::optional<int64_t> stride =
      getConstantIntValue(op.getMixedStrides()[dim]);
  if (!stride || *stride < 1 || !isKnownNonNegative(offset) ||
      !isKnownNonNegative(size))
    return false;
  AffineExpr begin = b.getAffineDimExpr(0), count = b.getAffineDimExpr(1);
  AffineMap end = AffineMap::get(2, 0, begin + (count - 1) * *stride + 1);
  return Bounds::compare(
      {end, {Bounds::Variable(offset), Bounds::Variable(size)}}, Order::LE,
      {whole, dim});
}

void SliceGuard::expect(arith::CmpIPredicate predicate, Value lhs, Value rhs,
                        const Twine &what, int64_t dim) {
  Value holds = arith::CmpIOp::create(b, predicate, lhs, rhs);
  cf::AssertOp::create(
      b, holds,
      b.getStringAttr("expected a slice inside of its tensor, got a " + what +
                      " outside of it in dimension " + Twine(dim)));
  ok = ok ? arith::AndIOp::create(b, ok, holds).getResult() : holds;
}

Value SliceGuard::extentOf(Value size, OpFoldResult stride) {
  if (isConstantIntValue(stride, 1))
    return size;
  Value steps = arith::SubIOp::create(b, size, constant(1));
  Value last = arith::MulIOp::create(b, steps, toValue(stride));
  return arith::AddIOp::create(b, last, constant(1));
}

/// In an order in which nothing overflows: sizes and strides are at most that
/// of the dimension, and then the offset is compared with what is left of it.
void SliceGuard::checkDim(int64_t dim) {
  using Predicate = arith::CmpIPredicate;
  OpFoldResult stride = op.getMixedStrides()[dim];
  Value have = toValue(tensor::getMixedSize(b, b.getLoc(), whole, dim));
  Value size = toValue(op.getMixedSizes()[dim]);
  expect(Predicate::ule, size, have, "size", dim);
  if (!getConstantIntValue(stride)) {
    Value less = arith::SubIOp::create(b, toValue(stride), constant(1));
    expect(Predicate::ule, less, have, "stride", dim);
  }
  Value left = arith::SubIOp::create(b, have, extentOf(size, stride));
  Value offset = toValue(op.getMixedOffsets()[dim]);
  expect(Predicate::sle, offset, left, "last element", dim);
  expect(Predicate::sge, offset, constant(0), "first element", dim);
}

void SliceGuard::check() {
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!isKnownInside(dim))
      checkDim(dim);
}

void SliceGuard::checkSource(tensor::InsertSliceOp slice) {
  int64_t sourceDim = 0;
  for (auto [number, size] : llvm::enumerate(slice.getMixedSizes())) {
    int64_t dim = number;
    if (slice.getDroppedDims().test(dim))
      continue;
    int64_t from = sourceDim++;
    if (Bounds::compare({slice.getSource(), from}, Order::EQ, size))
      continue;
    Value have =
        toValue(tensor::getMixedSize(b, b.getLoc(), slice.getSource(), from));
    expect(arith::CmpIPredicate::eq, toValue(size), have, "source", dim);
  }
}

void SliceGuard::makeSafe(tensor::ExtractSliceOp slice) {
  SmallVector<OpFoldResult> offsets, sizes, strides;
  SmallVector<Value> needed;
  for (auto [number, size] : llvm::enumerate(slice.getMixedSizes())) {
    int64_t dim = number;
    offsets.push_back(orElse(slice.getMixedOffsets()[dim], 0));
    strides.push_back(orElse(slice.getMixedStrides()[dim], 1));
    // Zeros grow to a size that some other tensor has; no other is kept.
    bool isKept = type.isDynamicDim(dim) && isKnownNonNegative(size);
    sizes.push_back(isKept ? size : orElse(size, 0));
    if (type.isDynamicDim(dim)) {
      Value extent = extentOf(toValue(sizes.back()), strides.back());
      Value end = arith::AddIOp::create(b, toValue(offsets.back()), extent);
      needed.push_back(arith::MaxSIOp::create(b, end, constant(0)));
    }
  }
  TypedAttr zeroAttr = b.getZeroAttr(type.getElementType());
  if (!needed.empty() && zeroAttr) {
    auto choice = scf::IfOp::create(b, type, ok, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b, whole);
    b.setInsertionPointToStart(choice.elseBlock());
    Value zero = arith::ConstantOp::create(b, zeroAttr);
    Value zeros = tensor::SplatOp::create(b, zero, type, needed);
    scf::YieldOp::create(b, zeros);
    whole = choice.getResult(0);
  }
  Value safe = tensor::ExtractSliceOp::create(b, slice.getType(), whole,
                                              offsets, sizes, strides);
  slice.replaceAllUsesWith(safe);
  slice.erase();
}

void SliceGuard::makeSafe(tensor::InsertSliceOp slice) {
  auto choice = scf::IfOp::create(b, slice.getType(), ok, /*withElse=*/true);
  slice.replaceAllUsesWith(choice.getResult(0));
  Block *inside = choice.thenBlock();
  slice->moveBefore(inside, inside->begin());
  b.setInsertionPointToEnd(inside);
  scf::YieldOp::create(b, slice.getResult());
  b.setInsertionPointToEnd(choice.elseBlock());
  scf::YieldOp::create(b, whole);
}

namespace {
struct GuardSlices : public cpu::impl::InfiniAttnGuardSlicesBase<GuardSlices> {
  void guard(tensor::ExtractSliceOp slice) {
    SliceGuard guard(slice, slice.getSource());
    guard.check();
    if (guard.isOpen())
      guard.makeSafe(slice);
  }
  void guard(tensor::InsertSliceOp slice) {
    SliceGuard guard(slice, slice.getDest());
    guard.check();
    guard.checkSource(slice);
    if (guard.isOpen())
      guard.makeSafe(slice);
  }

  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op)
          .Case<tensor::ExtractSliceOp, tensor::InsertSliceOp>(
              [&](auto slice) { guard(slice); });
    });
  }
};
} // namespace
