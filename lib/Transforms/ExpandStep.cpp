//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Expands steps of a stream into loops over the segments that a chunk touches.
///
//===----------------------------------------------------------------------===//

#include "ReplaceEmpty.h"
#include "StepExpander.h"

#include "infini_attn/Dialect/RuntimeChecks.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNEXPANDSTEP
#include "infini_attn/Transforms/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

void StepExpander::check(Value holds, const Twine &message) {
  cf::AssertOp::create(b, holds, b.getStringAttr(message));
}

Value StepExpander::chunkTokens() {
  Value tokens, agree;
  for (Value tensor : {op.getK(), op.getQ(), op.getV(), op.getInit()}) {
    Value size = b.createOrFold<tensor::DimOp>(tensor, 2);
    if (!tokens) {
      tokens = size;
      continue;
    }
    Value same = equal(tokens, size);
    agree = agree ? arith::AndIOp::create(b, agree, same) : same;
    tokens = min(tokens, size);
  }
  check(agree, "expected q, k, v and o of equally many tokens");
  return tokens;
}

Value StepExpander::boundedCount(Value tensor, Value last, StringRef name) {
  checkCount(b, b.getLoc(), tensor, zero, last, name, "tokens");
  Value count = arith::IndexCastOp::create(
      b, b.getIndexType(),
      tensor::ExtractOp::create(b, tensor, ValueRange{zero}));
  return min(count, last);
}

Value StepExpander::segmentsTouched(Value begin, Value end) {
  Value segments = arith::CeilDivUIOp::create(b, end, n);
  return arith::SelectOp::create(b, equal(begin, end), zero, segments);
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

SmallVector<Value> StepExpander::expand() {
  Value tokens = chunkTokens();
  if (op.getRotaryFrequencies())
    frequencies =
        boundFrequencies(b, b.getLoc(), op.getRotaryFrequencies(),
                         tensor::getMixedSize(b, b.getLoc(), op.getKeys(), 3));
  Value begin = boundedCount(op.getCount(), constant(length - 1), "count");
  Value valid = tokens;
  if (op.getLengths())
    valid = boundedCount(op.getLengths(), tokens, "lengths");
  Value end = add(begin, valid);

  State state;
  llvm::append_range(state.values, op.getDpsInits().drop_back());
  bool mayBeWhole = true, isOneToken = false;
  for (Value tensor : {op.getK(), op.getQ(), op.getV(), op.getInit()}) {
    int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(2);
    mayBeWhole &= ShapedType::isDynamic(size) || size >= length;
    isOneToken |= size == 1;
  }

  auto loop = scf::ForOp::create(
      b, zero, segmentsTouched(begin, end), one, state.values,
      [&](OpBuilder &builder, Location, Value s, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(builder.getInsertionBlock(),
                            builder.getInsertionPoint());
        Value first = arith::MulIOp::create(b, s, n), last = add(first, n);
        Value from = max(first, begin), to = min(last, end);
        Value size = sub(to, from), token = sub(from, begin);
        Part part{token, size, sub(from, first), equal(to, last)};
        // Attention of one token has a form of its own, where it is known that
        // there is one: each key is read for it alone.
        auto oneToken = [&](State &after) {
          Part single = part;
          single.size = b.getIndexAttr(1);
          partOfSegment(after, single);
        };
        auto someTokens = [&](State &some) {
          if (!writesOutput)
            return partOfSegment(some, part);
          choose(equal(size, one), some, oneToken,
                 [&](State &several) { partOfSegment(several, part); });
        };
        State current{SmallVector<Value>(carried)};
        if (isOneToken)
          oneToken(current);
        else if (mayBeWhole)
          choose(
              equal(size, n), current,
              [&](State &whole) {
                Part all{token, b.getIndexAttr(length), b.getIndexAttr(0),
                         Value()};
                wholeSegment(whole, all);
              },
              someTokens);
        else
          someTokens(current);
        scf::YieldOp::create(b, current.values);
      });
  llvm::copy(loop.getResults(), state.values.begin());

  // Tokens at or past the length give 0 [S14].
  Value &o = state[State::O];
  if (writesOutput && op.getLengths()) {
    Value rest = sub(b.createOrFold<tensor::DimOp>(o, 2), valid);
    Value nothing = arith::ConstantOp::create(
        b, b.getZeroAttr(getElementTypeOrSelf(o.getType())));
    Value padding = linalg::FillOp::create(b, nothing, slice(o, 2, valid, rest))
                        .getResult(0);
    o = insert(padding, o, 2, valid, rest);
  }

  Value open = arith::IndexCastOp::create(
      b, b.getI64Type(), Value(arith::RemUIOp::create(b, end, n)));
  SmallVector<Value> results = state.values;
  results.push_back(
      tensor::InsertOp::create(b, open, op.getCount(), ValueRange{zero}));
  return results;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Whether `op` is of one batch row and one key/value head.
static bool isOneTile(AttentionStepOp op) {
  auto type = cast<RankedTensorType>(op.getMemory().getType());
  return type.getDimSize(0) == 1 && type.getDimSize(1) == 1 &&
         cast<RankedTensorType>(op.getCount().getType()).getDimSize(0) == 1;
}

/// `op` on one batch row and key/value head, in a loop over all of them.
static FailureOr<AttentionStepOp> distribute(RewriterBase &rewriter,
                                             AttentionStepOp op) {
  OpFoldResult one = rewriter.getIndexAttr(1);
  auto options = scf::SCFTilingOptions()
                     .setLoopType(scf::SCFTilingOptions::LoopType::ForallOp)
                     .setTileSizes({one, one});
  FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  if (failed(tiled) || tiled->tiledOps.size() != 1)
    return op->emitOpError("expected to tile over batch rows and heads");
  rewriter.replaceOp(op, tiled->replacements);
  return cast<AttentionStepOp>(tiled->tiledOps.front());
}

/// N must be known: the loop and its whole segments are cut by it.
static LogicalResult checkBuffers(AttentionStepOp op) {
  for (Value buffer : {op.getKeys(), op.getValues()})
    if (cast<RankedTensorType>(buffer.getType()).isDynamicDim(2))
      return op->emitOpError("expected keys and values of ")
             << op.getSegmentLength() << " tokens, got a dynamic size";
  return success();
}

namespace {
struct ExpandStep
    : public infini_attn::impl::InfiniAttnExpandStepBase<ExpandStep> {
  void runOnOperation() override {
    SmallVector<AttentionStepOp> ops;
    getOperation()->walk([&](AttentionStepOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (AttentionStepOp op : ops) {
      if (replaceEmpty(rewriter, op))
        continue;
      if (failed(checkBuffers(op)))
        return signalPassFailure();
      bool writesOutput = !op.getO().use_empty();
      rewriter.setInsertionPoint(op);
      if (!isOneTile(op)) {
        FailureOr<AttentionStepOp> tile = distribute(rewriter, op);
        if (failed(tile))
          return signalPassFailure();
        op = *tile;
        rewriter.setInsertionPoint(op);
      }
      rewriter.replaceOp(op, StepExpander(rewriter, op, writesOutput).expand());
    }
  }
};
} // namespace
