//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Canonicalization of the infini_attn operations: what a constant gate, an
/// empty memory and unused results make superfluous.
///
/// Casts into operations in destination style are folded by the tensor
/// dialect; those into the others here.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Dialect/KnownValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::infini_attn;

//===----------------------------------------------------------------------===//
// What is known about values
//===----------------------------------------------------------------------===//

/// Whether the f32 weight sigmoid(gate) of every head is known to be `weight`.
static bool isKnownWeight(Value gate, float weight) {
  auto has = [&](const APFloat &logit) {
    return 1.0f / (1.0f + std::exp(-logit.convertToFloat())) == weight;
  };
  if (Value scalar = filledWith(gate)) {
    APFloat logit(0.0f);
    return matchPattern(scalar, m_ConstantFloat(&logit)) && has(logit);
  }
  DenseFPElementsAttr logits;
  return matchPattern(gate, m_Constant(&logits)) && llvm::all_of(logits, has);
}

/// The number of tokens of q, k, v or `init` if one of them tells.
static std::optional<int64_t> staticTokens(ValueRange activations) {
  for (Value value : activations)
    if (auto type = cast<RankedTensorType>(value.getType());
        !type.isDynamicDim(2))
      return type.getDimSize(2);
  return std::nullopt;
}

/// `value`, cast to `type` where it has another.
static Value castTo(OpBuilder &b, Location loc, Type type, Value value) {
  return value.getType() == type
             ? value
             : tensor::CastOp::create(b, loc, type, value).getResult();
}

/// `destination` filled with 0.
static Value fillWithZero(OpBuilder &b, Location loc, Value destination) {
  Type element = cast<ShapedType>(destination.getType()).getElementType();
  Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(element, 0.0));
  return linalg::FillOp::create(b, loc, zero, destination).getResult(0);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
/// op(cast(x)) -> cast(op(x)) where the cast forgets sizes.
template <typename Op> struct FoldOperandCasts : public OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> operands(op->getOperands());
    bool changed = false;
    for (Value &operand : operands)
      if (auto cast = operand.getDefiningOp<tensor::CastOp>();
          tensor::canFoldIntoConsumerOp(cast)) {
        operand = cast.getSource();
        changed = true;
      }
    SmallVector<Type> inferred, types;
    if (!changed ||
        failed(Op::inferReturnTypes(
            op.getContext(), op.getLoc(), operands, op->getAttrDictionary(),
            op->getPropertiesStorage(), op->getRegions(), inferred)))
      return failure();
    for (auto [type, old] : llvm::zip_equal(inferred, op->getResultTypes())) {
      types.push_back(
          refine(cast<RankedTensorType>(type), cast<RankedTensorType>(old)));
      if (!types.back())
        return failure();
    }
    Operation *folded = mlir::clone(rewriter, op, types, operands);
    SmallVector<Value> results;
    for (auto [result, old] :
         llvm::zip_equal(folded->getResults(), op->getResultTypes()))
      results.push_back(castTo(rewriter, op.getLoc(), old, result));
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// The sizes that either type knows; null where they contradict each other.
  static RankedTensorType refine(RankedTensorType a, RankedTensorType b) {
    if (failed(verifyCompatibleShape(a.getShape(), b.getShape())))
      return {};
    SmallVector<int64_t> shape(a.getShape());
    for (auto [size, other] : llvm::zip_equal(shape, b.getShape()))
      size = ShapedType::isDynamic(size) ? other : size;
    return a.clone(shape);
  }
};

/// g * A_mem + (1 - g) * A_dot is one of the two where g is 1 or 0 in f32 for
/// every head. The other part may hold values that are not finite, which the
/// formula would make NaN; whether these reach the result, the operation
/// leaves open.
struct ConstantGate : public OpRewritePattern<GateOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GateOp op,
                                PatternRewriter &rewriter) const override {
    Value part = isKnownWeight(op.getGate(), 1)   ? op.getAMem()
                 : isKnownWeight(op.getGate(), 0) ? op.getADot()
                                                  : Value();
    if (!part)
      return failure();
    rewriter.replaceOp(op, castTo(rewriter, op.getLoc(), op.getType(), part));
    return success();
  }
};

/// sigma(q) z is 0 for z = 0: the read is 0, whatever M holds [S9].
struct ReadOfEmptyMemory : public OpRewritePattern<MemoryRetrieveOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MemoryRetrieveOp op,
                                PatternRewriter &rewriter) const override {
    ReifiedRankedShapedTypeDims shapes;
    if (!isKnownZero(op.getNormalizer()) ||
        failed(op.reifyResultShapes(rewriter, shapes)))
      return failure();
    Location loc = op.getLoc();
    Value empty = tensor::EmptyOp::create(rewriter, loc, shapes.front(),
                                          op.getType().getElementType());
    rewriter.replaceOp(op, castTo(rewriter, loc, op.getType(),
                                  fillWithZero(rewriter, loc, empty)));
    return success();
  }
};

/// The linear rule reads nothing, and what the delta rule reads from an empty
/// memory is 0 [S9]: V - 0 = V, bit for bit.
struct UpdateWithoutRead : public OpRewritePattern<MemoryUpdateOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MemoryUpdateOp op,
                                PatternRewriter &rewriter) const override {
    bool isLinear = op.getRule() == UpdateRule::Linear;
    Value read = op.getReadNormalizer();
    if (isLinear ? !read : !isKnownZero(read ? read : op.getNormalizer()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.setRule(UpdateRule::Linear);
      op.getReadMemoryMutable().clear();
      op.getReadNormalizerMutable().clear();
    });
    return success();
  }
};

template <typename Op> static MemoryUpdateOp createUpdate(OpBuilder &b, Op op) {
  return MemoryUpdateOp::create(
      b, op.getLoc(), op.getNewMemory().getType(),
      op.getNewNormalizer().getType(), op.getK(), op.getV(), op.getLengths(),
      /*read_memory=*/Value(), /*read_normalizer=*/Value(), op.getMemory(),
      op.getNormalizer(), op.getRuleAttr(), op.getEpsilonAttr(),
      op.getPrecisionAttr());
}

/// A segment whose output nobody uses only updates the memory.
struct SegmentWithoutOutput : public OpRewritePattern<SegmentOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SegmentOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getO().use_empty())
      return failure();
    MemoryUpdateOp update = createUpdate(rewriter, op);
    rewriter.replaceOp(
        op, {op.getInit(), update.getNewMemory(), update.getNewNormalizer()});
    return success();
  }
};

/// One segment with an empty memory: O = (1 - sigmoid(gate)) * A_dot, since
/// the read is 0 and is still gated [S9]. Only for f32: A_dot as a value of its
/// own is rounded to the element type once more.
template <typename Op>
struct SegmentOfEmptyMemory : public OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getO().getType();
    if (!type.getElementType().isF32() || !isKnownZero(op.getNormalizer()) ||
        !isOneSegment(op))
      return failure();
    Location loc = op.getLoc();
    auto local = SegmentAttentionOp::create(
        rewriter, loc, TypeRange{type}, op.getQ(), op.getK(), op.getV(),
        /*query_offset=*/Value(), op.getLengths(), op.getRotaryFrequencies(),
        op.getScaleAttr(), op.getRotaryStyleAttr(), op.getPrecisionAttr(),
        /*keys_rotated=*/UnitAttr(), /*return_lse=*/UnitAttr());
    Value read = fillWithZero(rewriter, loc, op.getInit());
    Value o =
        GateOp::create(rewriter, loc, type, read, local.getO(), op.getGate());
    MemoryUpdateOp update = createUpdate(rewriter, op);
    rewriter.replaceOp(op,
                       {o, update.getNewMemory(), update.getNewNormalizer()});
    return success();
  }

private:
  static bool isOneSegment(SegmentOp) { return true; }
  static bool isOneSegment(AttentionOp op) {
    std::optional<int64_t> tokens =
        staticTokens({op.getQ(), op.getK(), op.getV(), op.getInit()});
    return tokens && *tokens <= static_cast<int64_t>(op.getSegmentLength());
  }
};
} // namespace

void SegmentAttentionOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                                     MLIRContext *context) {
  set.add<FoldOperandCasts<SegmentAttentionOp>>(context);
}
void MemoryRetrieveOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                                   MLIRContext *context) {
  set.add<FoldOperandCasts<MemoryRetrieveOp>, ReadOfEmptyMemory>(context);
}
void MemoryUpdateOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                                 MLIRContext *context) {
  set.add<UpdateWithoutRead>(context);
}
void GateOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                         MLIRContext *context) {
  set.add<FoldOperandCasts<GateOp>, ConstantGate>(context);
}
void SegmentOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                            MLIRContext *context) {
  set.add<SegmentWithoutOutput, SegmentOfEmptyMemory<SegmentOp>>(context);
}
void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                              MLIRContext *context) {
  set.add<SegmentOfEmptyMemory<AttentionOp>>(context);
}
void MemoryScanOp::getCanonicalizationPatterns(RewritePatternSet &set,
                                               MLIRContext *context) {
  set.add<FoldOperandCasts<MemoryScanOp>>(context);
}
