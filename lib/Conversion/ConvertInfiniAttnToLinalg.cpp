//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Decomposes the operations of one segment into linalg.
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "infini_attn/Conversion/Passes.h"
#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_CONVERTINFINIATTNTOLINALG
#include "infini_attn/Conversion/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

//===----------------------------------------------------------------------===//
// What the operations have in common
//===----------------------------------------------------------------------===//

/// The type that factors of a product of activations of type \p element are
/// rounded to [S17].
template <typename Op>
static FailureOr<Type> factorTypeOf(Op op, Type element) {
  if (std::optional<Type> type = factorType(op.getPrecision(), element)) {
    remarkOnPlainProducts(op, op.getPrecision());
    return *type;
  }
  return op.emitOpError("expected precision ieee, bf16x6, bf16x3, bf16 or f16, "
                        "which convert-infini-attn-to-linalg has, got ")
         << stringifyPrecision(*op.getPrecision());
}

/// Nk - Nq: where query 0 stands without a query_offset.
static Value defaultPosition(LinalgBuilder &b, SegmentAttentionOp op) {
  auto sizeOf = [&](Value x) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), b.size(x, 2));
  };
  Value first =
      b.createOrFold<arith::SubIOp>(sizeOf(op.getK()), sizeOf(op.getQ()));
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), first);
}

static double epsilonOf(SegmentAttentionOp) { return 0; }
template <typename Op> static double epsilonOf(Op op) {
  return op.getEpsilon().convertToDouble();
}

/// What the equations share for \p op, and the check that its lengths count
/// \p tokens of \p x (B x H x T x D).
template <typename Op>
static FailureOr<SegmentContext> makeContext(LinalgBuilder &b, Op op,
                                             TypedValue<RankedTensorType> x,
                                             StringRef tokens) {
  FailureOr<Type> factor = factorTypeOf(op, x.getType().getElementType());
  if (failed(factor))
    return failure();
  if (op.getLengths())
    checkCounts(b, b.getLoc(), op.getLengths(), b.size(x, 2), "lengths",
                tokens);
  return SegmentContext{*factor, op.getLengths(), epsilonOf(op)};
}

/// An empty tensor of \p type grouped like \p q, to be written by row of
/// tokens.
static Value emptyGrouped(LinalgBuilder &b, Value q, OpFoldResult width,
                          Type element) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), q);
  sizes[4] = width;
  return tensor::EmptyOp::create(b, sizes, element);
}

/// o[q, v] = quotient[v, q]
static Value finish(LinalgBuilder &b, const Quotient &quotient, Value init) {
  Type element = getElementTypeOrSelf(init);
  return b.generic("bhgqv",
                   {{quotient.numerator, "bhgvq"}, {quotient.divisor, "bhgq"}},
                   {init, "bhgqv"}, [&](ValueRange args) {
                     return b.narrow(element, b.quotient(args[0], args[1]));
                   });
}

/// sigmoid(gate), once a head and not once an element.
static Value gateWeights(LinalgBuilder &b, Value gate, StringRef letters) {
  Value out = b.empty(tensor::getMixedSizes(b, b.getLoc(), gate));
  return b.generic(letters, {{gate, letters}}, {out, letters},
                   [&](ValueRange args) { return b.sigmoid(args[0]); });
}

/// o = weight * a_mem + (1 - weight) * a_dot  [S5]
static Value mix(LinalgBuilder &b, Value weight, Value aMem, Value aDot) {
  Value rest = arith::SubFOp::create(b, b.f32(1), weight);
  return arith::AddFOp::create(b, arith::MulFOp::create(b, weight, aMem),
                               arith::MulFOp::create(b, rest, aDot));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static LogicalResult convert(RewriterBase &rewriter, SegmentAttentionOp op) {
  LinalgBuilder b(op.getLoc(), rewriter);
  FailureOr<SegmentContext> context = makeContext(b, op, op.getK(), "keys");
  if (failed(context))
    return failure();
  if (op.getQueryOffset())
    checkCounts(b, b.getLoc(), op.getQueryOffset(), b.size(op.getK(), 2),
                "query_offset", "keys");
  LocalOptions options;
  options.positions = {op.getQueryOffset(), defaultPosition(b, op)};
  options.scale = makeScale(b, op.getQ(), op.getScaleAttr());
  options.rotary = {op.getRotaryFrequencies(), op.getRotaryStyle()};
  options.keysRotated = op.getKeysRotated();
  options.returnLse = op.getReturnLse();
  OpFoldResult keyHeads = b.size(op.getK(), 1);
  Value q = groupHeads(b, op.getQ(), 1, keyHeads);
  LocalAttention local =
      attendLocally(b, *context, options, q, op.getK(), op.getV());
  auto type = op.getO().getType();
  Value o =
      finish(b, local.result,
             emptyGrouped(b, q, b.size(op.getV(), 3), type.getElementType()));
  SmallVector<Value> results{ungroupHeads(b, o, 1, type)};
  if (local.lse)
    results.push_back(ungroupHeads(b, local.lse, 1, op.getLse().getType()));
  rewriter.replaceOp(op, results);
  return success();
}

static LogicalResult convert(RewriterBase &rewriter, MemoryRetrieveOp op) {
  LinalgBuilder b(op.getLoc(), rewriter);
  FailureOr<SegmentContext> context = makeContext(b, op, op.getQ(), "tokens");
  if (failed(context))
    return failure();
  Value q = groupHeads(b, op.getQ(), 1, b.size(op.getMemory(), 1));
  Quotient read =
      retrieve(b, *context, {q, "bhgqd"}, op.getMemory(), op.getNormalizer());
  auto type = op.getO().getType();
  Value o = finish(
      b, read,
      emptyGrouped(b, q, b.size(op.getMemory(), 3), type.getElementType()));
  rewriter.replaceOp(op, ungroupHeads(b, o, 1, type));
  return success();
}

static LogicalResult convert(RewriterBase &rewriter, MemoryUpdateOp op) {
  LinalgBuilder b(op.getLoc(), rewriter);
  FailureOr<SegmentContext> context = makeContext(b, op, op.getK(), "tokens");
  if (failed(context))
    return failure();
  bool reads = static_cast<bool>(op.getReadMemory());
  auto [memory, normalizer] =
      update(b, *context, op.getRule(), op.getK(), op.getV(),
             reads ? op.getReadMemory() : op.getMemory(),
             reads ? op.getReadNormalizer() : op.getNormalizer(),
             op.getMemory(), op.getNormalizer());
  rewriter.replaceOp(op, {memory, normalizer});
  return success();
}

static LogicalResult convert(RewriterBase &rewriter, GateOp op) {
  LinalgBuilder b(op.getLoc(), rewriter);
  auto type = op.getO().getType();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, op.getLoc(), op.getADot());
  Value init = tensor::EmptyOp::create(b, sizes, type.getElementType());
  Value weights = gateWeights(b, op.getGate(), "h");
  Value o = b.generic(
      "bhqv", {{op.getAMem(), "bhqv"}, {op.getADot(), "bhqv"}, {weights, "h"}},
      {init, "bhqv"}, [&](ValueRange args) {
        Value value = mix(b, args[2], b.widen(args[0]), b.widen(args[1]));
        return b.narrow(type.getElementType(), value);
      });
  if (o.getType() != type)
    o = tensor::CastOp::create(b, type, o);
  rewriter.replaceOp(op, o);
  return success();
}

static LogicalResult convert(RewriterBase &rewriter, SegmentOp op) {
  LinalgBuilder b(op.getLoc(), rewriter);
  FailureOr<SegmentContext> context = makeContext(b, op, op.getK(), "tokens");
  if (failed(context))
    return failure();
  LocalOptions options;
  options.positions.first =
      arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  options.scale = makeScale(b, op.getQ(), op.getScaleAttr());
  options.rotary = {op.getRotaryFrequencies(), op.getRotaryStyle()};

  // Read, then update [S8].
  OpFoldResult keyHeads = b.size(op.getMemory(), 1);
  Value q = groupHeads(b, op.getQ(), 1, keyHeads);
  Indexed queries{q, "bhgqd"};
  // A rotation begins with Q^T, which sigma(Q)^T can be made of, too.
  if (op.getRotaryFrequencies()) {
    options.transposedQueries = transposeQueries(b, q);
    queries = {options.transposedQueries, "bhgdq"};
  }
  Quotient read =
      retrieve(b, *context, queries, op.getMemory(), op.getNormalizer());
  LocalAttention local =
      attendLocally(b, *context, options, q, op.getK(), op.getV());

  auto type = op.getO().getType();
  Value init = groupHeads(b, op.getInit(), 1, keyHeads);
  Value weights =
      gateWeights(b, groupHeads(b, op.getGate(), 0, keyHeads), "hg");
  Value o = b.generic("bhgqv",
                      {{read.numerator, "bhgvq"},
                       {read.divisor, "bhgq"},
                       {local.result.numerator, "bhgvq"},
                       {local.result.divisor, "bhgq"},
                       {weights, "hg"}},
                      {init, "bhgqv"}, [&](ValueRange args) {
                        Value aMem = b.quotient(args[0], args[1]);
                        Value aDot = b.quotient(args[2], args[3]);
                        return b.narrow(type.getElementType(),
                                        mix(b, args[4], aMem, aDot));
                      });
  auto [memory, normalizer] =
      update(b, *context, op.getRule(), op.getK(), op.getV(), op.getMemory(),
             op.getNormalizer(), op.getMemory(), op.getNormalizer());
  rewriter.replaceOp(op, {ungroupHeads(b, o, 1, type), memory, normalizer});
  return success();
}

static LogicalResult expectEarlierPass(Operation *op, StringRef pass) {
  return op->emitOpError("expected ") << pass << " to have run";
}

namespace {
struct ConvertToLinalg
    : public infini_attn::impl::ConvertInfiniAttnToLinalgBase<ConvertToLinalg> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<InfiniAttnDialect>(op->getDialect()) &&
          !isa<CheckOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      auto result =
          TypeSwitch<Operation *, LogicalResult>(op)
              .Case<SegmentAttentionOp, MemoryRetrieveOp, MemoryUpdateOp,
                    GateOp, SegmentOp>(
                  [&](auto segmentOp) { return convert(rewriter, segmentOp); })
              .Case<AttentionStepOp>([](Operation *other) {
                return expectEarlierPass(other, "infini-attn-expand-step");
              })
              .Default([](Operation *other) {
                return expectEarlierPass(other, "infini-attn-segment-sequence");
              });
      if (failed(result))
        return signalPassFailure();
    }
  }
};
} // namespace
