//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Keeps operations of linalg inside of operands whose sizes disagree.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNGUARDEXTENTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
struct Dimension {
  Value tensor;
  int64_t dim = 0;

  bool isDynamic() const {
    return cast<RankedTensorType>(tensor.getType()).isDynamicDim(dim);
  }
};

class ExtentGuard {
public:
  explicit ExtentGuard(linalg::LinalgOp op)
      : b(op.getLoc(), op), op(op), extents(op.getNumLoops()) {}

  void insert();

private:
  void findExtents();
  bool isKnownToFit(Dimension operand, AffineExpr index);
  Value neededSize(AffineExpr index);
  void replace(OpOperand &operand);
  Value toValue(OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
  }

  ImplicitLocOpBuilder b;
  linalg::LinalgOp op;
  /// For each loop the dimension that it is taken to have the size of.
  SmallVector<Dimension> extents;
  Value allFit;
};
} // namespace

/// Static sizes first, so that they stay known; then what is written.
void ExtentGuard::findExtents() {
  SmallVector<OpOperand *> operands;
  for (OpOperand &init : op.getDpsInitsMutable())
    operands.push_back(&init);
  llvm::append_range(operands, op.getDpsInputOperands());
  for (bool isStatic : {true, false})
    for (OpOperand *operand : operands) {
      if (!isa<RankedTensorType>(operand->get().getType()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(operand);
      for (auto [dim, index] : llvm::enumerate(map.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(index);
        Dimension candidate{operand->get(), static_cast<int64_t>(dim)};
        if (loop && !extents[loop.getPosition()].tensor &&
            !(isStatic && candidate.isDynamic()))
          extents[loop.getPosition()] = candidate;
      }
    }
}

bool ExtentGuard::isKnownToFit(Dimension operand, AffineExpr index) {
  bool isStatic = !operand.isDynamic();
  auto loop = dyn_cast<AffineDimExpr>(index);
  if (!loop) {
    index.walk([&](AffineExpr part) {
      if (auto inner = dyn_cast<AffineDimExpr>(part))
        isStatic &= !extents[inner.getPosition()].isDynamic();
    });
    return isStatic; // and verified
  }
  Dimension extent = extents[loop.getPosition()];
  if (isStatic && !extent.isDynamic())
    return true;
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
      {operand.tensor, operand.dim}, {extent.tensor, extent.dim});
  return succeeded(equal) && *equal;
}

/// One more than the last index that \p index gives.
Value ExtentGuard::neededSize(AffineExpr index) {
  SmallVector<OpFoldResult> last;
  AffineExpr less = b.getAffineDimExpr(0) - 1;
  for (Dimension extent : extents)
    last.push_back(affine::makeComposedFoldedAffineApply(
        b, b.getLoc(), less,
        {tensor::getMixedSize(b, b.getLoc(), extent.tensor, extent.dim)}));
  return toValue(affine::makeComposedFoldedAffineApply(
      b, b.getLoc(), AffineMap::get(extents.size(), 0, index + 1), last));
}

/// Zeros of the sizes that the loops need take the place of \p operand where
/// not all operands fit.
void ExtentGuard::replace(OpOperand &operand) {
  auto type = cast<RankedTensorType>(operand.get().getType());
  TypedAttr zeroAttr = b.getZeroAttr(type.getElementType());
  if (!zeroAttr)
    return; // of no type that compiled code takes
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<Value> sizes;
  for (auto [size, index] :
       llvm::zip_equal(shape, op.getMatchingIndexingMap(&operand).getResults()))
    if (ShapedType::isDynamic(size) || !isa<AffineDimExpr>(index)) {
      size = ShapedType::kDynamic;
      Value zero = arith::ConstantIndexOp::create(b, 0);
      sizes.push_back(arith::MaxSIOp::create(b, neededSize(index), zero));
    }
  Type openType = type.clone(shape);
  auto choice = scf::IfOp::create(b, openType, allFit, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  Value given = operand.get();
  if (type != openType)
    given = tensor::CastOp::create(b, openType, given);
  scf::YieldOp::create(b, given);
  b.setInsertionPointToStart(choice.elseBlock());
  Value zero = arith::ConstantOp::create(b, zeroAttr);
  Value zeros = tensor::SplatOp::create(b, zero, openType, sizes);
  scf::YieldOp::create(b, zeros);
  operand.set(choice.getResult(0));
}

void ExtentGuard::insert() {
  findExtents();
  SmallVector<OpOperand *> open;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [number, index] : llvm::enumerate(map.getResults())) {
      int64_t dim = number;
      if (isKnownToFit({operand.get(), dim}, index))
        continue;
      Value size =
          toValue(tensor::getMixedSize(b, b.getLoc(), operand.get(), dim));
      Value fits = arith::CmpIOp::create(b,
                                         isa<AffineDimExpr>(index)
                                             ? arith::CmpIPredicate::eq
                                             : arith::CmpIPredicate::sge,
                                         size, neededSize(index));
      cf::AssertOp::create(
          b, fits,
          b.getStringAttr("expected the sizes of the operands of " +
                          op->getName().getStringRef() +
                          " to fit together, got another in dimension " +
                          Twine(dim) + " of operand " +
                          Twine(operand.getOperandNumber())));
      allFit = allFit ? arith::AndIOp::create(b, allFit, fits) : fits;
      if (open.empty() || open.back() != &operand)
        open.push_back(&operand);
    }
  }
  for (OpOperand *operand : open)
    replace(*operand);
}

namespace {
struct GuardExtents
    : public cpu::impl::InfiniAttnGuardExtentsBase<GuardExtents> {
  void runOnOperation() override {
    getOperation()->walk([](linalg::LinalgOp op) {
      if (op.hasPureTensorSemantics())
        ExtentGuard(op).insert();
    });
  }
};
} // namespace
