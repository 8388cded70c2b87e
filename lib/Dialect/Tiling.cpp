//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Tiling of the infini_attn operations over batch rows and key/value heads.
///
/// A key/value head, its memory and the Hq / Hkv query heads that use them
/// [S12] form a group that shares nothing with any other: both dimensions are
/// parallel, for every operation, state included.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
/// How a tensor is cut by a tile of (batch rows, key/value heads).
enum class Cut {
  QueryHeads, ///< B x Hq x ...
  KeyHeads,   ///< B x Hkv x ...
  Rows,       ///< B
  HeadLogits, ///< Hq
  Whole       ///< not cut
};

/// Offset and size of a tile in the two dimensions.
struct Tile {
  OpFoldResult rowOffset, rowSize, headOffset, headSize;
  /// Query heads a key/value head.
  OpFoldResult group;
};
} // namespace

// The cuts of each operation's operands, one an ODS operand, and of its
// results.
// clang-format off
static ArrayRef<Cut> operandCuts(SegmentAttentionOp) {
  static const Cut cuts[] = {Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::Rows, Cut::Rows, Cut::Whole};
  return cuts;
}
static ArrayRef<Cut> operandCuts(MemoryRetrieveOp) {
  static const Cut cuts[] = {Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::Rows};
  return cuts;
}
static ArrayRef<Cut> operandCuts(MemoryUpdateOp) {
  static const Cut cuts[] = {Cut::KeyHeads, Cut::KeyHeads, Cut::Rows, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads};
  return cuts;
}
static ArrayRef<Cut> operandCuts(GateOp) {
  static const Cut cuts[] = {Cut::QueryHeads, Cut::QueryHeads, Cut::HeadLogits};
  return cuts;
}
static ArrayRef<Cut> operandCuts(SegmentOp) {
  static const Cut cuts[] = {Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::HeadLogits, Cut::Rows, Cut::Whole, Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads};
  return cuts;
}
static ArrayRef<Cut> operandCuts(AttentionOp) {
  static const Cut cuts[] = {Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::HeadLogits, Cut::Rows, Cut::Whole, Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads};
  return cuts;
}
static ArrayRef<Cut> operandCuts(MemoryScanOp) {
  static const Cut cuts[] = {Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::Rows};
  return cuts;
}
static ArrayRef<Cut> operandCuts(AttentionStepOp) {
  static const Cut cuts[] = {Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::HeadLogits, Cut::Rows, Cut::Whole, Cut::QueryHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::KeyHeads, Cut::Rows};
  return cuts;
}

static Cut resultCut(SegmentAttentionOp, unsigned) { return Cut::QueryHeads; }
static Cut resultCut(MemoryRetrieveOp, unsigned) { return Cut::QueryHeads; }
static Cut resultCut(MemoryUpdateOp, unsigned) { return Cut::KeyHeads; }
static Cut resultCut(GateOp, unsigned) { return Cut::QueryHeads; }
static Cut resultCut(MemoryScanOp, unsigned) { return Cut::KeyHeads; }
static Cut resultCut(SegmentOp, unsigned i) { return i == 0 ? Cut::QueryHeads : Cut::KeyHeads; }
static Cut resultCut(AttentionOp, unsigned i) { return i == 0 ? Cut::QueryHeads : Cut::KeyHeads; }
static Cut resultCut(AttentionStepOp, unsigned i) { return i == 0 ? Cut::QueryHeads : i == 7 ? Cut::Rows : Cut::KeyHeads; }

// The tensor whose dimensions 0 and 1 are the iteration domain.
static Value domainTensor(SegmentAttentionOp op) { return op.getK(); }
static Value domainTensor(MemoryRetrieveOp op) { return op.getMemory(); }
static Value domainTensor(MemoryUpdateOp op) { return op.getMemory(); }
static Value domainTensor(GateOp op) { return op.getADot(); }
static Value domainTensor(SegmentOp op) { return op.getMemory(); }
static Value domainTensor(AttentionOp op) { return op.getMemory(); }
static Value domainTensor(MemoryScanOp op) { return op.getMemory(); }
static Value domainTensor(AttentionStepOp op) { return op.getMemory(); }

static Value queryTensor(GateOp op) { return op.getADot(); }
static Value queryTensor(MemoryUpdateOp) { return {}; }
static Value queryTensor(MemoryScanOp) { return {}; }
template <typename Op> static Value queryTensor(Op op) { return op.getQ(); }
// clang-format on

/// Query heads a key/value head of `op`: Hq / Hkv [S12].
template <typename Op> static OpFoldResult groupSize(OpBuilder &b, Op op) {
  Location loc = op.getLoc();
  Value query = queryTensor(op);
  if (!query)
    return b.getIndexAttr(1);
  AffineExpr hq = b.getAffineDimExpr(0), hkv = b.getAffineSymbolExpr(0);
  // Without key/value heads there is no tile, but the division may be moved out
  // of the loop over tiles.
  OpFoldResult heads = affine::makeComposedFoldedAffineMax(
      b, loc,
      AffineMap::get(1, 0, {hq, b.getAffineConstantExpr(1)}, b.getContext()),
      {tensor::getMixedSize(b, loc, domainTensor(op), 1)});
  return affine::makeComposedFoldedAffineApply(
      b, loc, hq.floorDiv(hkv),
      {tensor::getMixedSize(b, loc, query, 1), heads});
}

static OpFoldResult multiply(OpBuilder &b, Location loc, OpFoldResult lhs,
                             OpFoldResult rhs) {
  return affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0) * b.getAffineSymbolExpr(0), {lhs, rhs});
}

/// Offsets and sizes of what `tile` covers of a tensor of `sizes`.
static void cutTensor(OpBuilder &b, Location loc, Cut cut, const Tile &tile,
                      SmallVectorImpl<OpFoldResult> &offsets,
                      SmallVectorImpl<OpFoldResult> &sizes) {
  offsets.assign(sizes.size(), b.getIndexAttr(0));
  if (cut == Cut::Whole)
    return;
  if (cut != Cut::HeadLogits) {
    offsets[0] = tile.rowOffset;
    sizes[0] = tile.rowSize;
  }
  if (cut == Cut::Rows)
    return;
  unsigned dim = cut == Cut::HeadLogits ? 0 : 1;
  bool perQuery = cut != Cut::KeyHeads;
  offsets[dim] = perQuery ? multiply(b, loc, tile.headOffset, tile.group)
                          : tile.headOffset;
  sizes[dim] =
      perQuery ? multiply(b, loc, tile.headSize, tile.group) : tile.headSize;
}

template <typename Op>
static SmallVector<Range> iterationDomain(OpBuilder &b, Op op) {
  SmallVector<Range> domain;
  for (int64_t dim : {0, 1})
    domain.push_back(
        {b.getIndexAttr(0),
         tensor::getMixedSize(b, op.getLoc(), domainTensor(op), dim),
         b.getIndexAttr(1)});
  return domain;
}

template <typename Op>
static Tile makeTile(OpBuilder &b, Op op, ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) {
  return {offsets[0], sizes[0], offsets[1], sizes[1], groupSize(b, op)};
}

/// Whether `value` is computed, in `block`, from an argument of it.
static bool dependsOn(Value value, Block *block) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == block;
  Operation *op = value.getDefiningOp();
  return op->getBlock() == block &&
         llvm::any_of(op->getOperands(),
                      [&](Value operand) { return dependsOn(operand, block); });
}

/// What the loop-carried tensor `value` was before the loop over heads.
///
/// Each head of a row writes the row's new count, all of them the same one,
/// and each must read the old one, whichever heads have written already.
static Value beforeHeads(Value value, OpFoldResult headOffset) {
  auto offset = dyn_cast<Value>(headOffset);
  Value before = value;
  while (auto carried = dyn_cast<BlockArgument>(value)) {
    Block *body = carried.getOwner();
    auto loop = dyn_cast<LoopLikeOpInterface>(body->getParentOp());
    OpOperand *init = loop ? loop.getTiedLoopInit(carried) : nullptr;
    if (!init)
      break;
    value = init->get();
    if (offset && dependsOn(offset, body))
      before = value;
  }
  return before;
}

/// What \p value has the shape of: the results of a parallel loop keep theirs.
/// Sizes taken from there are those that tiles of the results are given, so
/// that bufferization sees a tile that is written where it was read.
static Value shapeSource(Value value) {
  while (auto carried = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForallOp>(carried.getOwner()->getParentOp());
    OpOperand *init = loop ? loop.getTiedLoopInit(carried) : nullptr;
    if (!init)
      break;
    value = init->get();
  }
  return value;
}

template <typename Op>
static FailureOr<TilingResult> tileOp(OpBuilder &b, Op op,
                                      ArrayRef<OpFoldResult> offsets,
                                      ArrayRef<OpFoldResult> sizes) {
  Location loc = op.getLoc();
  Tile tile = makeTile(b, op, offsets, sizes);
  SmallVector<Value> operands;
  SmallVector<Operation *> slices;
  for (auto [index, cut] : llvm::enumerate(operandCuts(op)))
    for (Value operand : op.getODSOperands(index)) {
      if (cut == Cut::Whole) {
        operands.push_back(operand);
        continue;
      }
      if (cut == Cut::Rows)
        operand = beforeHeads(operand, tile.headOffset);
      SmallVector<OpFoldResult> cutSizes =
          tensor::getMixedSizes(b, loc, shapeSource(operand));
      SmallVector<OpFoldResult> cutOffsets;
      cutTensor(b, loc, cut, tile, cutOffsets, cutSizes);
      SmallVector<OpFoldResult> strides(cutSizes.size(), b.getIndexAttr(1));
      auto slice = tensor::ExtractSliceOp::create(b, loc, operand, cutOffsets,
                                                  cutSizes, strides);
      operands.push_back(slice);
      slices.push_back(slice);
    }

  SmallVector<Type> types;
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op.getOperation())) {
    size_t results = op->getNumResults();
    for (Value init : ArrayRef(operands).take_back(results))
      types.push_back(init.getType());
  } else if (auto infer = dyn_cast<InferTypeOpInterface>(op.getOperation())) {
    if (failed(infer.inferReturnTypes(
            b.getContext(), loc, operands, op->getAttrDictionary(),
            op->getPropertiesStorage(), op->getRegions(), types)))
      return failure();
  }
  Operation *tiled = mlir::clone(b, op, types, operands);
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

template <typename Op>
static LogicalResult resultTile(OpBuilder &b, Op op, unsigned index,
                                ArrayRef<OpFoldResult> offsets,
                                ArrayRef<OpFoldResult> sizes,
                                SmallVector<OpFoldResult> &resultOffsets,
                                SmallVector<OpFoldResult> &resultSizes) {
  ReifiedRankedShapedTypeDims shapes;
  if (failed(reifyResultShapes(b, op, shapes)))
    return failure();
  resultSizes = shapes[index];
  cutTensor(b, op.getLoc(), resultCut(op, index),
            makeTile(b, op, offsets, sizes), resultOffsets, resultSizes);
  return success();
}

#define INFINI_ATTN_TILING(Op)                                                 \
  SmallVector<utils::IteratorType> Op::getLoopIteratorTypes() {                \
    return {utils::IteratorType::parallel, utils::IteratorType::parallel};     \
  }                                                                            \
  SmallVector<Range> Op::getIterationDomain(OpBuilder &b) {                    \
    return iterationDomain(b, *this);                                          \
  }                                                                            \
  FailureOr<TilingResult> Op::getTiledImplementation(                          \
      OpBuilder &b, ArrayRef<OpFoldResult> offsets,                            \
      ArrayRef<OpFoldResult> sizes) {                                          \
    return tileOp(b, *this, offsets, sizes);                                   \
  }                                                                            \
  LogicalResult Op::getResultTilePosition(                                     \
      OpBuilder &b, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,     \
      ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,  \
      SmallVector<OpFoldResult> &resultSizes) {                                \
    return resultTile(b, *this, resultNumber, offsets, sizes, resultOffsets,   \
                      resultSizes);                                            \
  }

INFINI_ATTN_TILING(SegmentAttentionOp)
INFINI_ATTN_TILING(MemoryRetrieveOp)
INFINI_ATTN_TILING(MemoryUpdateOp)
INFINI_ATTN_TILING(GateOp)
INFINI_ATTN_TILING(SegmentOp)
INFINI_ATTN_TILING(AttentionOp)
INFINI_ATTN_TILING(MemoryScanOp)
INFINI_ATTN_TILING(AttentionStepOp)
#undef INFINI_ATTN_TILING
