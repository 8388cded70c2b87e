//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Fuses the four operations of one segment.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNFUSESEGMENT
#include "infini_attn/Transforms/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
/// The operations of one segment, which `gate` ties together.
struct Parts {
  GateOp gate;
  MemoryRetrieveOp read;
  SegmentAttentionOp local;
  MemoryUpdateOp update;
};
} // namespace

/// What an absent precision means is written out.
template <typename Op> static Precision precisionOf(Op op, Type element) {
  if (op.getPrecision())
    return *op.getPrecision();
  return element.isBF16()  ? Precision::Bf16
         : element.isF16() ? Precision::F16
                           : Precision::Ieee;
}

/// Whether the queries are the segment's tokens, no fewer and no more.
static bool queriesAreTokens(Value q, Value k) {
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
      ValueBoundsConstraintSet::Variable(q, 2),
      ValueBoundsConstraintSet::Variable(k, 2));
  return succeeded(equal) && *equal;
}

/// Whether the local attention is the one that `segment` has.
static bool isLocalPart(SegmentAttentionOp op) {
  // Without frequencies no key is rotated, whatever is said of them.
  bool keysRotated = op.getKeysRotated() && op.getRotaryFrequencies();
  bool usesLse = op.getLse() && !op.getLse().use_empty();
  return !op.getQueryOffset() && !keysRotated && !usesLse &&
         queriesAreTokens(op.getQ(), op.getK());
}

/// Whether \p update writes, after the read [S8], the tokens that are attended
/// to into the memory that is read.
static bool belongTogether(MemoryRetrieveOp read, SegmentAttentionOp local,
                           MemoryUpdateOp update) {
  Type element = read.getQ().getType().getElementType();
  // The linear rule divides by nothing.
  bool sameEpsilon = update.getRule() == UpdateRule::Linear ||
                     read.getEpsilon() == update.getEpsilon();
  return update->getBlock() == read->getBlock() && !update.getReadMemory() &&
         update.getK() == local.getK() && update.getV() == local.getV() &&
         update.getMemory() == read.getMemory() &&
         update.getNormalizer() == read.getNormalizer() &&
         update.getLengths() == read.getLengths() && sameEpsilon &&
         precisionOf(update, element) == precisionOf(read, element);
}

/// Whether the sizes that one operand alone knows agree. Those of two operands
/// of one operation do already.
static bool sizesAgree(Parts parts) {
  ArrayRef<int64_t> q = parts.read.getQ().getType().getShape();
  SmallVector<int64_t> o(q);
  o.back() = parts.local.getV().getType().getDimSize(3);
  return succeeded(verifyCompatibleShape(o, parts.gate.getType().getShape())) &&
         succeeded(verifyCompatibleShape(
             {q[1]}, parts.gate.getGate().getType().getShape()));
}

/// The other parts of the segment whose output is \p gate, if they are one.
static std::optional<Parts> findParts(GateOp gate) {
  auto read = gate.getAMem().getDefiningOp<MemoryRetrieveOp>();
  auto local = gate.getADot().getDefiningOp<SegmentAttentionOp>();
  if (!read || !local || read->getBlock() != gate->getBlock() ||
      local->getBlock() != gate->getBlock() || !read.getO().hasOneUse() ||
      !local.getO().hasOneUse())
    return std::nullopt;
  Type element = read.getQ().getType().getElementType();
  if (read.getQ() != local.getQ() || read.getLengths() != local.getLengths() ||
      precisionOf(read, element) != precisionOf(local, element) ||
      !isLocalPart(local))
    return std::nullopt;
  MemoryUpdateOp update;
  for (Operation *user : read.getMemory().getUsers())
    if (auto other = dyn_cast<MemoryUpdateOp>(user);
        other && belongTogether(read, local, other) &&
        (!update || other->isBeforeInBlock(update)))
      update = other;
  Parts parts{gate, read, local, update};
  if (!update || !sizesAgree(parts))
    return std::nullopt;
  return parts;
}

/// The operation before which the fused one can stand: all operands are
/// defined, and no result is used yet. Null if there is none.
static Operation *findPlace(Parts parts) {
  Operation *place = parts.update->isBeforeInBlock(parts.gate)
                         ? parts.update.getOperation()
                         : parts.gate.getOperation();
  for (Operation *part : {parts.gate.getOperation(), parts.read.getOperation(),
                          parts.local.getOperation()})
    for (Value operand : part->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (producer && producer != parts.read && producer != parts.local &&
          producer->getBlock() == place->getBlock() &&
          !producer->isBeforeInBlock(place))
        place = producer->getNextNode();
    }
  for (Operation *user : parts.update->getUsers()) {
    Operation *ancestor = place->getBlock()->findAncestorOpInBlock(*user);
    if (ancestor && ancestor->isBeforeInBlock(place))
      return nullptr;
  }
  return place;
}

/// A destination for o: its sizes are those of q, and of v for the last one.
static Value emptyOutput(OpBuilder &b, Parts parts) {
  RankedTensorType type = parts.gate.getType();
  SegmentAttentionOp local = parts.local;
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      sizes.push_back(tensor::DimOp::create(
          b, parts.gate.getLoc(), dim == 3 ? local.getV() : local.getQ(), dim));
  return tensor::EmptyOp::create(b, parts.gate.getLoc(), type, sizes);
}

static void fuse(RewriterBase &rewriter, Parts parts, Operation *place) {
  auto [gate, read, local, update] = parts;
  rewriter.setInsertionPoint(place);
  Location loc = rewriter.getFusedLoc(
      {read.getLoc(), local.getLoc(), gate.getLoc(), update.getLoc()});
  Value init = emptyOutput(rewriter, parts);
  auto segment = SegmentOp::create(
      rewriter, loc,
      TypeRange{init.getType(), update.getNewMemory().getType(),
                update.getNewNormalizer().getType()},
      local.getQ(), local.getK(), local.getV(), gate.getGate(),
      local.getLengths(), local.getRotaryFrequencies(), init,
      update.getMemory(), update.getNormalizer(), update.getRuleAttr(),
      local.getScaleAttr(), read.getEpsilonAttr(), local.getRotaryStyleAttr(),
      local.getPrecisionAttr());
  rewriter.replaceOp(gate, segment.getO());
  rewriter.replaceOp(update,
                     {segment.getNewMemory(), segment.getNewNormalizer()});
  rewriter.eraseOp(read);
  rewriter.eraseOp(local);
}

namespace {
struct FuseSegment
    : public infini_attn::impl::InfiniAttnFuseSegmentBase<FuseSegment> {
  void runOnOperation() override {
    SmallVector<GateOp> gates;
    getOperation()->walk([&](GateOp gate) { gates.push_back(gate); });
    IRRewriter rewriter(&getContext());
    for (GateOp gate : gates)
      if (std::optional<Parts> parts = findParts(gate))
        if (Operation *place = findPlace(*parts))
          fuse(rewriter, *parts, place);
  }
};
} // namespace
