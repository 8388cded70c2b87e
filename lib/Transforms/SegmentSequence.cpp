//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Cuts whole sequences into segments.
///
//===----------------------------------------------------------------------===//

#include "ReplaceEmpty.h"

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Dialect/RuntimeChecks.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNSEGMENTSEQUENCE
#include "infini_attn/Transforms/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

namespace {
/// One segment of a sequence: tokens [start, start + count).
struct Segment {
  OpFoldResult start, count;
};

/// The cut of T tokens into segments of N, the last one perhaps shorter [S13].
class Cut {
public:
  /// \p activations have the tokens as their dimension 2.
  Cut(RewriterBase &rewriter, Location loc, ValueRange activations,
      int64_t length);

  using Body = function_ref<SmallVector<Value>(Segment, Value, ValueRange)>;

  OpFoldResult segmentCount();
  /// N tokens, or as many as are left.
  Segment segment(Value number);

  /// Calls \p body on each segment in order, with its number and what is
  /// carried from one to the next; returns what the last one leaves. One body
  /// for all of them: a last one of its own would be as much code again.
  SmallVector<Value> forEach(ValueRange init, Body body);

  /// Reports lengths outside of [0, T].
  void checkLengths(Value lengths);

  /// Valid tokens of a segment, of each row: clamp(lengths - start, 0, count);
  /// null without lengths.
  Value lengthsOf(Value lengths, Segment segment);

  /// Tokens of the segment of \p tensor, whose dimension \p dim they are.
  Value slice(Value tensor, Segment segment, int64_t dim = 2);
  Value insert(Value part, Value tensor, Segment segment, int64_t dim = 2);

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  OpFoldResult apply(AffineExpr expr, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(b, b.getLoc(), expr, operands);
  }
  Value toValue(OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), size);
  }

  ImplicitLocOpBuilder b;
  OpFoldResult tokens;
  int64_t length;
};
} // namespace

Cut::Cut(RewriterBase &rewriter, Location loc, ValueRange activations,
         int64_t length)
    : b(loc, rewriter), length(length) {
  // One static size is enough: all are equal.
  for (Value activation : activations)
    if (auto type = cast<RankedTensorType>(activation.getType());
        !tokens && !type.isDynamicDim(2))
      tokens = b.getIndexAttr(type.getDimSize(2));
  if (!tokens)
    tokens = tensor::getMixedSize(b, loc, activations.front(), 2);
}

OpFoldResult Cut::segmentCount() {
  return apply(b.getAffineDimExpr(0).ceilDiv(length), {tokens});
}

Segment Cut::segment(Value number) {
  AffineExpr t = b.getAffineDimExpr(0);
  OpFoldResult start = apply(t * length, {number});
  std::optional<int64_t> known = getConstantIntValue(tokens);
  if (known && *known % length == 0)
    return {start, b.getIndexAttr(length)};
  AffineExpr left = b.getAffineDimExpr(1) - t;
  OpFoldResult count = affine::makeComposedFoldedAffineMin(
      b, b.getLoc(),
      AffineMap::get(2, 0, {left, b.getAffineConstantExpr(length)},
                     b.getContext()),
      {start, tokens});
  return {start, count};
}

SmallVector<Value> Cut::forEach(ValueRange init, Body body) {
  Value zero = constant(0);
  // Sizes are static where there is one segment.
  if (std::optional<int64_t> known = getConstantIntValue(tokens);
      known && 0 < *known && *known <= length)
    return body({b.getIndexAttr(0), tokens}, zero, init);
  auto loop =
      scf::ForOp::create(b, zero, toValue(segmentCount()), constant(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value number = loop.getInductionVar();
  scf::YieldOp::create(b,
                       body(segment(number), number, loop.getRegionIterArgs()));
  return loop.getResults();
}

void Cut::checkLengths(Value lengths) {
  if (lengths)
    checkCounts(b, b.getLoc(), lengths, tokens, "lengths", "tokens");
}

Value Cut::lengthsOf(Value lengths, Segment segment) {
  if (!lengths)
    return {};
  auto toI64 = [&](OpFoldResult size) -> Value {
    return arith::IndexCastOp::create(b, b.getI64Type(), toValue(size));
  };
  Value start = toI64(segment.start), count = toI64(segment.count);
  Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), lengths);
  Value init = tensor::EmptyOp::create(b, sizes, b.getI64Type());
  AffineMap map = b.getMultiDimIdentityMap(1);
  return linalg::GenericOp::create(
             b, init.getType(), lengths, init, ArrayRef{map, map},
             utils::IteratorType::parallel,
             [&](OpBuilder &nested, Location loc, ValueRange args) {
               Value left = arith::SubIOp::create(nested, loc, args[0], start);
               left = arith::MaxSIOp::create(nested, loc, left, zero);
               left = arith::MinSIOp::create(nested, loc, left, count);
               linalg::YieldOp::create(nested, loc, left);
             })
      .getResult(0);
}

static void sliceOf(OpBuilder &b, Location loc, Value tensor, Segment segment,
                    int64_t dim, Sizes &offsets, Sizes &sizes, Sizes &strides) {
  sizes = tensor::getMixedSizes(b, loc, tensor);
  offsets.assign(sizes.size(), b.getIndexAttr(0));
  strides.assign(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = segment.start;
  sizes[dim] = segment.count;
}

Value Cut::slice(Value tensor, Segment segment, int64_t dim) {
  Sizes offsets, sizes, strides;
  sliceOf(b, b.getLoc(), tensor, segment, dim, offsets, sizes, strides);
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
}

Value Cut::insert(Value part, Value tensor, Segment segment, int64_t dim) {
  Sizes offsets, sizes, strides;
  sliceOf(b, b.getLoc(), tensor, segment, dim, offsets, sizes, strides);
  return tensor::InsertSliceOp::create(b, part, tensor, offsets, sizes,
                                       strides);
}

//===----------------------------------------------------------------------===//
// attention, in order
//===----------------------------------------------------------------------===//

static Cut cutOf(RewriterBase &rewriter, AttentionOp op) {
  return Cut(rewriter, op.getLoc(),
             {op.getQ(), op.getK(), op.getV(), op.getInit()},
             op.getSegmentLength());
}

/// \p segment of \p op, whose outputs go into \p o.
static SegmentOp cutOut(Cut &cut, AttentionOp op, Segment segment, Value o,
                        Value memory, Value normalizer) {
  Value q = cut.slice(op.getQ(), segment), k = cut.slice(op.getK(), segment),
        v = cut.slice(op.getV(), segment), init = cut.slice(o, segment);
  Value lengths = cut.lengthsOf(op.getLengths(), segment);
  return SegmentOp::create(
      cut.b, TypeRange{init.getType(), memory.getType(), normalizer.getType()},
      q, k, v, op.getGate(), lengths, op.getRotaryFrequencies(), init, memory,
      normalizer, op.getRuleAttr(), op.getScaleAttr(), op.getEpsilonAttr(),
      op.getRotaryStyleAttr(), op.getPrecisionAttr());
}

/// Each segment reads the memory of the one before it [S4].
static void segmentSequentially(RewriterBase &rewriter, AttentionOp op) {
  Cut cut = cutOf(rewriter, op);
  cut.checkLengths(op.getLengths());
  SmallVector<Value> results = cut.forEach(
      op.getDpsInits(),
      [&](Segment segment, Value, ValueRange carried) -> SmallVector<Value> {
        SegmentOp part =
            cutOut(cut, op, segment, carried[0], carried[1], carried[2]);
        return {cut.insert(part.getO(), carried[0], segment),
                part.getNewMemory(), part.getNewNormalizer()};
      });
  rewriter.replaceOp(op, results);
}

//===----------------------------------------------------------------------===//
// memory_scan, and attention in two phases
//===----------------------------------------------------------------------===//

/// One of the states of a scan, B x Hkv x S x ..., without the S.
struct StateSlice {
  StateSlice(Cut &cut, Value states, Value number)
      : sizes(tensor::getMixedSizes(cut.b, cut.b.getLoc(), states)),
        offsets(sizes.size(), cut.b.getIndexAttr(0)),
        strides(sizes.size(), cut.b.getIndexAttr(1)) {
    offsets[2] = number;
    sizes[2] = cut.b.getIndexAttr(1);
    auto whole = cast<RankedTensorType>(states.getType());
    SmallVector<int64_t> shape(whole.getShape());
    shape.erase(shape.begin() + 2);
    type = RankedTensorType::get(shape, whole.getElementType());
  }
  Sizes sizes, offsets, strides;
  RankedTensorType type;
};

static Value stateBefore(Cut &cut, Value states, Value number) {
  StateSlice slice(cut, states, number);
  return tensor::ExtractSliceOp::create(
      cut.b, slice.type, states, slice.offsets, slice.sizes, slice.strides);
}

static Value storeState(Cut &cut, Value state, Value states, Value number) {
  StateSlice slice(cut, states, number);
  return tensor::InsertSliceOp::create(cut.b, state, states, slice.offsets,
                                       slice.sizes, slice.strides);
}

static LogicalResult expandScan(RewriterBase &rewriter, MemoryScanOp op) {
  ReifiedRankedShapedTypeDims shapes;
  if (failed(reifyResultShapes(rewriter, op, shapes)))
    return failure();
  Cut cut(rewriter, op.getLoc(), {op.getK(), op.getV()}, op.getSegmentLength());
  cut.checkLengths(op.getLengths());
  Type f32 = rewriter.getF32Type();
  SmallVector<Value> init{tensor::EmptyOp::create(cut.b, shapes[0], f32),
                          tensor::EmptyOp::create(cut.b, shapes[1], f32),
                          op.getMemory(), op.getNormalizer()};
  auto update = [&](Segment segment, Value number,
                    ValueRange carried) -> SmallVector<Value> {
    Value memories = storeState(cut, carried[2], carried[0], number);
    Value normalizers = storeState(cut, carried[3], carried[1], number);
    Value k = cut.slice(op.getK(), segment), v = cut.slice(op.getV(), segment);
    Value lengths = cut.lengthsOf(op.getLengths(), segment);
    auto next = MemoryUpdateOp::create(
        cut.b, TypeRange{carried[2].getType(), carried[3].getType()}, k, v,
        lengths, /*read_memory=*/Value(), /*read_normalizer=*/Value(),
        carried[2], carried[3], op.getRuleAttr(), op.getEpsilonAttr(),
        op.getPrecisionAttr());
    return {memories, normalizers, next.getNewMemory(),
            next.getNewNormalizer()};
  };
  SmallVector<Value> results = cut.forEach(init, update);
  for (auto [value, old] : llvm::zip(results, op->getResults()))
    if (value.getType() != old.getType())
      value = tensor::CastOp::create(cut.b, old.getType(), value);
  rewriter.replaceOp(op, results);
  return success();
}

/// First the states before all segments, then all segments, side by side.
static void segmentInTwoPhases(RewriterBase &rewriter, AttentionOp op) {
  Cut cut = cutOf(rewriter, op);
  // The scan checks the lengths where it is expanded.
  auto scan = MemoryScanOp::create(cut.b, op.getK(), op.getV(), op.getMemory(),
                                   op.getNormalizer(), op.getLengths(),
                                   op.getSegmentLengthAttr(), op.getRuleAttr(),
                                   op.getEpsilonAttr(), op.getPrecisionAttr());

  auto loop =
      scf::ForallOp::create(cut.b, ArrayRef<OpFoldResult>{cut.segmentCount()},
                            ValueRange{op.getInit()}, std::nullopt);
  {
    OpBuilder::InsertionGuard guard(cut.b);
    cut.b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar(0);
    Segment segment = cut.segment(number);
    Value whole = loop.getRegionIterArgs()[0];
    // The same operation as in sequence, hence the same bits [S16]; its update
    // is dead, and goes when the operation is decomposed.
    Value memory = stateBefore(cut, scan.getMemories(), number);
    Value normalizer = stateBefore(cut, scan.getNormalizers(), number);
    SegmentOp part = cutOut(cut, op, segment, whole, memory, normalizer);
    Sizes offsets, sizes, strides;
    sliceOf(cut.b, cut.b.getLoc(), whole, segment, 2, offsets, sizes, strides);
    cut.b.setInsertionPointToStart(loop.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(cut.b, part.getO(), whole, offsets,
                                          sizes, strides);
  }
  rewriter.replaceOp(
      op, {loop.getResult(0), scan.getNewMemory(), scan.getNewNormalizer()});
}

namespace {
struct SegmentSequence
    : public infini_attn::impl::InfiniAttnSegmentSequenceBase<SegmentSequence> {
  using InfiniAttnSegmentSequenceBase::InfiniAttnSegmentSequenceBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<AttentionOp> attentions;
    getOperation()->walk([&](AttentionOp op) { attentions.push_back(op); });
    for (AttentionOp op : attentions) {
      if (replaceEmpty(rewriter, op))
        continue;
      rewriter.setInsertionPoint(op);
      if (schedule == SegmentSchedule::Sequential)
        segmentSequentially(rewriter, op);
      else
        segmentInTwoPhases(rewriter, op);
    }
    SmallVector<MemoryScanOp> scans;
    getOperation()->walk([&](MemoryScanOp op) { scans.push_back(op); });
    for (MemoryScanOp op : scans) {
      if (replaceEmpty(rewriter, op))
        continue;
      rewriter.setInsertionPoint(op);
      if (failed(expandScan(rewriter, op)))
        return signalPassFailure();
    }
  }
};
} // namespace
