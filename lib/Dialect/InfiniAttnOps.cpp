//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Types and shapes of the results of the infini_attn operations.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::infini_attn;

#define GET_OP_CLASSES
#include "infini_attn/Dialect/InfiniAttnOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Type inference
//===----------------------------------------------------------------------===//

/// The type of ODS operand `index` if it is one tensor of `rank`. Inference may
/// run before verification, so that nothing may be taken for granted here.
template <typename Adaptor>
static RankedTensorType rankedOrNull(Adaptor adaptor, unsigned index,
                                     int64_t rank) {
  ValueRange operands = adaptor.getOperands();
  auto [start, length] = adaptor.getODSOperandIndexAndLength(index);
  if (length != 1 || start >= operands.size())
    return {};
  auto type = dyn_cast<RankedTensorType>(operands[start].getType());
  return type && type.getRank() == rank ? type : RankedTensorType();
}

/// Two results are compatible where their shapes may describe the same tensor:
/// inference gives the best static shape, a user may know less or more.
static bool areCompatible(TypeRange lhs, TypeRange rhs) {
  return lhs.size() == rhs.size() &&
         succeeded(verifyCompatibleShapes(lhs, rhs)) &&
         llvm::equal(lhs, rhs, [](Type a, Type b) {
           return getElementTypeOrSelf(a) == getElementTypeOrSelf(b);
         });
}

LogicalResult SegmentAttentionOp::inferReturnTypes(
    MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
    SmallVectorImpl<Type> &results) {
  auto q = rankedOrNull(adaptor, 0, 4), v = rankedOrNull(adaptor, 2, 4);
  if (!q || !v)
    return emitOptionalError(location, "expected q and v of rank 4");
  ArrayRef<int64_t> qShape = q.getShape();
  results.push_back(RankedTensorType::get(
      {qShape[0], qShape[1], qShape[2], v.getDimSize(3)}, q.getElementType()));
  if (adaptor.getReturnLse())
    results.push_back(
        RankedTensorType::get(qShape.take_front(3), Float32Type::get(context)));
  return success();
}

LogicalResult MemoryRetrieveOp::inferReturnTypes(
    MLIRContext *, std::optional<Location> location, Adaptor adaptor,
    SmallVectorImpl<Type> &results) {
  auto q = rankedOrNull(adaptor, 0, 4), memory = rankedOrNull(adaptor, 1, 4);
  if (!q || !memory)
    return emitOptionalError(location, "expected q and memory of rank 4");
  results.push_back(RankedTensorType::get(
      {q.getDimSize(0), q.getDimSize(1), q.getDimSize(2), memory.getDimSize(3)},
      q.getElementType()));
  return success();
}

LogicalResult GateOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  auto aDot = rankedOrNull(adaptor, 1, 4);
  if (!aDot)
    return emitOptionalError(location, "expected a_dot of rank 4");
  results.push_back(aDot);
  return success();
}

LogicalResult MemoryScanOp::inferReturnTypes(MLIRContext *,
                                             std::optional<Location> location,
                                             Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  auto k = rankedOrNull(adaptor, 0, 4), memory = rankedOrNull(adaptor, 2, 4),
       normalizer = rankedOrNull(adaptor, 3, 3);
  if (!k || !memory || !normalizer)
    return emitOptionalError(
        location, "expected k and memory of rank 4 and normalizer of rank 3");
  IntegerAttr attribute = adaptor.getSegmentLengthAttr();
  if (!attribute || attribute.getInt() < 1)
    return emitOptionalError(location, "expected segment_length >= 1, got ",
                             attribute);
  int64_t length = attribute.getInt();
  int64_t tokens = k.getDimSize(2);
  int64_t segments = ShapedType::isDynamic(tokens)
                         ? ShapedType::kDynamic
                         : (tokens == 0 ? 0 : (tokens - 1) / length + 1);
  ArrayRef<int64_t> m = memory.getShape();
  Type f32 = memory.getElementType();
  results.push_back(
      RankedTensorType::get({m[0], m[1], segments, m[2], m[3]}, f32));
  results.push_back(RankedTensorType::get({m[0], m[1], segments, m[2]}, f32));
  results.push_back(memory);
  results.push_back(normalizer);
  return success();
}

bool SegmentAttentionOp::isCompatibleReturnTypes(TypeRange lhs, TypeRange rhs) {
  return areCompatible(lhs, rhs);
}
bool MemoryRetrieveOp::isCompatibleReturnTypes(TypeRange lhs, TypeRange rhs) {
  return areCompatible(lhs, rhs);
}
bool GateOp::isCompatibleReturnTypes(TypeRange lhs, TypeRange rhs) {
  return areCompatible(lhs, rhs);
}
bool MemoryScanOp::isCompatibleReturnTypes(TypeRange lhs, TypeRange rhs) {
  return areCompatible(lhs, rhs);
}

//===----------------------------------------------------------------------===//
// Shapes of results
//===----------------------------------------------------------------------===//

using ReifiedShapes = ReifiedRankedShapedTypeDims;

/// The sizes of `value`, one attribute or value a dimension.
static SmallVector<OpFoldResult> sizesOf(OpBuilder &b, Location loc,
                                         Value value) {
  return tensor::getMixedSizes(b, loc, value);
}

/// In destination style each result has the shape of its init.
template <typename Op>
static LogicalResult reifyFromInits(Op op, OpBuilder &b,
                                    ReifiedShapes &shapes) {
  for (OpOperand &init : op.getDpsInitsMutable())
    shapes.push_back(sizesOf(b, op.getLoc(), init.get()));
  return success();
}

LogicalResult MemoryUpdateOp::reifyResultShapes(OpBuilder &b,
                                                ReifiedShapes &shapes) {
  return reifyFromInits(*this, b, shapes);
}
LogicalResult SegmentOp::reifyResultShapes(OpBuilder &b,
                                           ReifiedShapes &shapes) {
  return reifyFromInits(*this, b, shapes);
}
LogicalResult AttentionOp::reifyResultShapes(OpBuilder &b,
                                             ReifiedShapes &shapes) {
  return reifyFromInits(*this, b, shapes);
}
LogicalResult AttentionStepOp::reifyResultShapes(OpBuilder &b,
                                                 ReifiedShapes &shapes) {
  return reifyFromInits(*this, b, shapes);
}

LogicalResult SegmentAttentionOp::reifyResultShapes(OpBuilder &b,
                                                    ReifiedShapes &shapes) {
  SmallVector<OpFoldResult> sizes = sizesOf(b, getLoc(), getQ());
  SmallVector<OpFoldResult> lse(ArrayRef<OpFoldResult>(sizes).take_front(3));
  sizes[3] = tensor::getMixedSize(b, getLoc(), getV(), 3);
  shapes.push_back(sizes);
  if (getLse())
    shapes.push_back(lse);
  return success();
}

LogicalResult MemoryRetrieveOp::reifyResultShapes(OpBuilder &b,
                                                  ReifiedShapes &shapes) {
  SmallVector<OpFoldResult> sizes = sizesOf(b, getLoc(), getQ());
  sizes[3] = tensor::getMixedSize(b, getLoc(), getMemory(), 3);
  shapes.push_back(sizes);
  return success();
}

LogicalResult GateOp::reifyResultShapes(OpBuilder &b, ReifiedShapes &shapes) {
  shapes.push_back(sizesOf(b, getLoc(), getADot()));
  return success();
}

LogicalResult MemoryScanOp::reifyResultShapes(OpBuilder &b,
                                              ReifiedShapes &shapes) {
  Location loc = getLoc();
  SmallVector<OpFoldResult> memory = sizesOf(b, loc, getMemory());
  SmallVector<OpFoldResult> normalizer = sizesOf(b, loc, getNormalizer());
  // S = ceil(T / N) segments.
  AffineExpr tokens = b.getAffineDimExpr(0);
  OpFoldResult segments = affine::makeComposedFoldedAffineApply(
      b, loc, tokens.ceilDiv(getSegmentLength()),
      {tensor::getMixedSize(b, loc, getK(), 2)});
  auto withSegments = [&](ArrayRef<OpFoldResult> sizes) {
    SmallVector<OpFoldResult> result(sizes);
    result.insert(result.begin() + 2, segments);
    return result;
  };
  shapes.push_back(withSegments(memory));
  shapes.push_back(withSegments(normalizer));
  shapes.push_back(memory);
  shapes.push_back(normalizer);
  return success();
}
