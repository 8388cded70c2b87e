//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Rewrites views that split one dimension into several of dynamic size.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNEXPANDRESHAPES
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// Whether some dimension is split into at least two of dynamic size.
static bool splitsIntoDynamicSizes(memref::ExpandShapeOp reshape) {
  ArrayRef<int64_t> sizes = reshape.getResultType().getShape();
  return llvm::any_of(reshape.getReassociationIndices(),
                      [&](const ReassociationIndices &group) {
                        return llvm::count_if(group, [&](int64_t dim) {
                                 return ShapedType::isDynamic(sizes[dim]);
                               }) > 1;
                      });
}

static OpFoldResult multiply(OpBuilder &b, Location loc, OpFoldResult lhs,
                             OpFoldResult rhs) {
  AffineExpr product = b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1);
  return affine::makeComposedFoldedAffineApply(b, loc, product, {lhs, rhs});
}

/// Strides of the split dimensions: the innermost of a group has the stride of
/// the dimension that was split, each other one that of the next inner times
/// its size.
static SmallVector<OpFoldResult> splitStrides(OpBuilder &b,
                                              memref::ExpandShapeOp reshape,
                                              ArrayRef<OpFoldResult> strides,
                                              ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> result(sizes.size());
  for (auto [group, stride] :
       llvm::zip_equal(reshape.getReassociationIndices(), strides)) {
    OpFoldResult running = stride;
    for (int64_t dim : llvm::reverse(group)) {
      result[dim] = running;
      running = multiply(b, reshape.getLoc(), running, sizes[dim]);
    }
  }
  return result;
}

/// What the type says statically must be static in the operation, too.
static void takeStatic(OpBuilder &b, ArrayRef<int64_t> fromType,
                       MutableArrayRef<OpFoldResult> values) {
  for (auto [known, value] : llvm::zip_equal(fromType, values))
    if (!ShapedType::isDynamic(known))
      value = b.getIndexAttr(known);
}

static void rewrite(memref::ExpandShapeOp reshape) {
  OpBuilder b(reshape);
  Location loc = reshape.getLoc();
  MemRefType type = reshape.getResultType();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(b, loc, reshape.getSrc());
  SmallVector<OpFoldResult> sizes = reshape.getMixedOutputShape();
  SmallVector<OpFoldResult> strides =
      splitStrides(b, reshape, metadata.getConstifiedMixedStrides(), sizes);
  OpFoldResult offset = metadata.getConstifiedMixedOffset();
  auto [knownStrides, knownOffset] = type.getStridesAndOffset();
  takeStatic(b, type.getShape(), sizes);
  takeStatic(b, knownStrides, strides);
  takeStatic(b, knownOffset, MutableArrayRef<OpFoldResult>(offset));
  auto view = memref::ReinterpretCastOp::create(
      b, loc, type, metadata.getBaseBuffer(), offset, sizes, strides);
  reshape.replaceAllUsesWith(view.getResult());
  reshape.erase();
}

namespace {
struct ExpandReshapes
    : public cpu::impl::InfiniAttnExpandReshapesBase<ExpandReshapes> {
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> reshapes;
    getOperation()->walk([&](memref::ExpandShapeOp reshape) {
      if (splitsIntoDynamicSizes(reshape))
        reshapes.push_back(reshape);
    });
    llvm::for_each(reshapes, rewrite);
  }
};
} // namespace
