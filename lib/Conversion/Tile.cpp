//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowBlocks.h"
#include "TiledDecode.h"
#include "TiledTasks.h"

#include "infini_attn/Conversion/Passes.h"
#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNTILE
#include "infini_attn/Conversion/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Whether \p x has one batch row and one key/value head.
static bool isOneHead(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  return type.getDimSize(0) == 1 && type.getDimSize(1) == 1;
}

/// The count of the only row of \p counts as an index, or null. Out of range it
/// is reported and brought into the range.
static Value countOf(TileBuilder &b, Value counts, Value limit, StringRef name,
                     StringRef unit) {
  if (!counts)
    return {};
  checkCounts(b, b.getLoc(), counts, limit, name, unit);
  Value count = tensor::ExtractOp::create(b, counts, b.index(0));
  count = arith::IndexCastOp::create(b, b.getIndexType(), count);
  return b.min(arith::MaxSIOp::create(b, count, b.index(0)), limit);
}

/// \p x put back in the place of \p into, whose leading dimensions are 1.
static Value restored(TileBuilder &b, Value x, Value into) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), into);
  return tensor::InsertSliceOp::create(
      b, x, into, Sizes(sizes.size(), b.getIndexAttr(0)), sizes,
      Sizes(sizes.size(), b.getIndexAttr(1)));
}

/// \p values, cast where \p op says less of their sizes, or more.
static void replaceWithCasts(TileBuilder &b, Operation *op, ValueRange values) {
  SmallVector<Value> results(values);
  for (auto [value, result] : llvm::zip_equal(results, op->getResults()))
    if (value.getType() != result.getType())
      value = tensor::CastOp::create(b, result.getType(), value);
  op->replaceAllUsesWith(results);
  op->erase();
}

static void tile(RewriterBase &rewriter, SegmentOp op, Type factor,
                 TileForm form) {
  TileBuilder b(op.getLoc(), rewriter, form);
  Value length = countOf(b, op.getLengths(), b.toIndex(b.size(op.getK(), 2)),
                         "lengths", "tokens");
  // Read, then update [S8].
  double epsilon = op.getEpsilon().convertToDouble();
  TiledAttention attention(b, factor, op.getQ(), op.getK(), op.getV());
  attention.first = b.index(0);
  attention.length = length;
  attention.scale = makeScale(b, op.getQ(), op.getScaleAttr());
  attention.rotary = {op.getRotaryFrequencies(), op.getRotaryStyle()};
  attention.read = {b.reduced(op.getMemory(), 2),
                    b.reduced(op.getNormalizer(), 1), op.getGate(), epsilon};
  TiledUpdate update(b, factor, op.getRule(), op.getK(), op.getV());
  update.length = length;
  update.readMemory = attention.read.memory;
  update.readNormalizer = attention.read.normalizer;
  update.epsilon = epsilon;
  SegmentResults results =
      segmentInTasks(b, attention, update, op.getInit(), attention.read.memory,
                     attention.read.normalizer);
  rewriter.replaceOp(op,
                     {results.o, restored(b, results.memory, op.getMemory()),
                      restored(b, results.normalizer, op.getNormalizer())});
}

/// Whether \p op reads each key and value once, as they are.
static bool isDecode(SegmentAttentionOp op) {
  return TiledDecode::isFew(op.getQ()) &&
         (op.getKeysRotated() || !op.getRotaryFrequencies());
}

static void tile(RewriterBase &rewriter, SegmentAttentionOp op, Type factor,
                 TileForm form) {
  TileBuilder b(op.getLoc(), rewriter, form);
  Value keys = b.toIndex(b.size(op.getK(), 2));
  Value length = countOf(b, op.getLengths(), keys, "lengths", "keys");
  Value first = countOf(b, op.getQueryOffset(), keys, "query_offset", "keys");
  if (!first)
    first = b.sub(keys, b.toIndex(b.size(op.getQ(), 2)));
  Value scale = makeScale(b, op.getQ(), op.getScaleAttr());
  Rotary rotary{op.getRotaryFrequencies(), op.getRotaryStyle()};
  Sizes sizes = tensor::getMixedSizes(b, op.getLoc(), op.getQ());
  sizes[3] = b.size(op.getV(), 3);
  Value init =
      tensor::EmptyOp::create(b, sizes, op.getO().getType().getElementType());
  SmallVector<Value> results;
  if (isDecode(op)) {
    TiledDecode decode(b, factor, op.getQ());
    decode.length = length;
    Value lse;
    if (op.getReturnLse())
      lse = b.empty(ArrayRef(sizes).drop_back());
    std::tie(init, lse) =
        decode.attend({op.getK(), op.getV(), first, scale, rotary}, init, lse);
    results.push_back(init);
    if (lse)
      results.push_back(lse);
  } else {
    TiledAttention attention(b, factor, op.getQ(), op.getK(), op.getV());
    attention.length = length;
    attention.first = first;
    attention.scale = scale;
    attention.rotary = rotary;
    attention.keysRotated = op.getKeysRotated();
    results.push_back(attendInTasks(b, attention, init));
  }
  replaceWithCasts(b, op, results);
}

static void tile(RewriterBase &rewriter, MemoryRetrieveOp op, Type factor,
                 TileForm form) {
  TileBuilder b(op.getLoc(), rewriter, form);
  TiledDecode decode(b, factor, op.getQ());
  decode.length = countOf(b, op.getLengths(), b.toIndex(b.size(op.getQ(), 2)),
                          "lengths", "tokens");
  Sizes sizes = tensor::getMixedSizes(b, op.getLoc(), op.getQ());
  sizes[3] = b.size(op.getMemory(), 3);
  Value init =
      tensor::EmptyOp::create(b, sizes, op.getO().getType().getElementType());
  replaceWithCasts(b, op,
                   decode.retrieve(b.reduced(op.getMemory(), 2),
                                   b.reduced(op.getNormalizer(), 1),
                                   op.getEpsilon().convertToDouble(), init));
}

static void tile(RewriterBase &rewriter, MemoryUpdateOp op, Type factor,
                 TileForm form) {
  TileBuilder b(op.getLoc(), rewriter, form);
  bool reads = static_cast<bool>(op.getReadMemory());
  Value length = countOf(b, op.getLengths(), b.toIndex(b.size(op.getK(), 2)),
                         "lengths", "tokens");
  double epsilon = op.getEpsilon().convertToDouble();
  Value readMemory = b.reduced(reads ? op.getReadMemory() : op.getMemory(), 2),
        readNormalizer =
            b.reduced(reads ? op.getReadNormalizer() : op.getNormalizer(), 1),
        memory = b.reduced(op.getMemory(), 2),
        normalizer = b.reduced(op.getNormalizer(), 1);
  if (TiledDecode::isFew(op.getK())) {
    TiledDecode decode(b, factor, op.getK());
    decode.length = length;
    std::tie(memory, normalizer) = decode.update(
        {op.getRule(), op.getV(), readMemory, readNormalizer, epsilon}, memory,
        normalizer);
  } else {
    TiledUpdate update(b, factor, op.getRule(), op.getK(), op.getV());
    update.length = length;
    update.epsilon = epsilon;
    update.readMemory = readMemory;
    update.readNormalizer = readNormalizer;
    std::tie(memory, normalizer) = updateApart(b, update, memory, normalizer);
  }
  rewriter.replaceOp(op, {restored(b, memory, op.getMemory()),
                          restored(b, normalizer, op.getNormalizer())});
}

/// Whether \p op has products worth splitting: of a few queries each key is
/// read once, which takes as long as any product.
static bool takesParts(SegmentOp) { return true; }
static bool takesParts(SegmentAttentionOp op) { return !isDecode(op); }
static bool takesParts(MemoryRetrieveOp) { return false; }
static bool takesParts(MemoryUpdateOp op) {
  return !TiledDecode::isFew(op.getK());
}

/// \p op of one row and key/value head, in loops over them where it has more.
template <typename Op>
static FailureOr<Op> toOneHead(RewriterBase &rewriter, Op op) {
  if (isOneHead(op->getOperand(1)))
    return op;
  OpFoldResult one = rewriter.getIndexAttr(1);
  FailureOr<scf::SCFTilingResult> tiled =
      scf::tileUsingSCF(rewriter, cast<TilingInterface>(op.getOperation()),
                        scf::SCFTilingOptions().setTileSizes({one, one}));
  if (failed(tiled))
    return failure();
  rewriter.replaceOp(op, tiled->replacements);
  return cast<Op>(tiled->tiledOps.front());
}

namespace {
struct Tile : public infini_attn::impl::InfiniAttnTileBase<Tile> {
  using InfiniAttnTileBase::InfiniAttnTileBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    SmallVector<linalg::LinalgOp> products;
    bool isReserved = false;
    getOperation()->walk([&](Operation *op) {
      // What they promise is not checked again where it is lowered.
      for (StringRef name : {InfiniAttnDialect::kPairProductAttr,
                             InfiniAttnDialect::kWeightAttr})
        if (op->hasAttr(name)) {
          op->emitOpError("expected no attribute ")
              << name << ", which this pass sets, got one";
          isReserved = true;
        }
      if (isa<SegmentOp, SegmentAttentionOp, MemoryRetrieveOp, MemoryUpdateOp>(
              op))
        ops.push_back(op);
      auto product = dyn_cast<linalg::LinalgOp>(op);
      if (product && matchContraction(product, bf16Pairs))
        products.push_back(product);
    });
    if (isReserved)
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    llvm::SmallPtrSet<Operation *, 16> done;
    for (const TaskContraction &task :
         blockRows(rewriter, products, bf16Pairs)) {
      linalg::LinalgOp product = task.op;
      if (done.contains(product))
        continue;
      rewriter.setInsertionPoint(product);
      TileBuilder b(product.getLoc(), rewriter, {});
      done.insert(
          TiledContraction(b, *matchContraction(product, bf16Pairs), task)
              .build());
    }
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      TypeSwitch<Operation *>(op)
          .Case([&](SegmentOp segment) {
            tileWith(rewriter, segment, segment.getQ());
          })
          .Case([&](SegmentAttentionOp attention) {
            if (isDecode(attention) || !attention.getReturnLse())
              tileWith(rewriter, attention, attention.getQ());
          })
          .Case([&](MemoryRetrieveOp retrieve) {
            if (TiledDecode::isFew(retrieve.getQ()))
              tileWith(rewriter, retrieve, retrieve.getQ());
          })
          .Case([&](MemoryUpdateOp update) {
            tileWith(rewriter, update, update.getK());
          });
    }
  }

  template <typename Op>
  void tileWith(RewriterBase &rewriter, Op op, Value activation) {
    // A precision without a type of factors is reported where it is lowered.
    std::optional<Type> factor =
        factorType(op.getPrecision(), getElementTypeOrSelf(activation));
    if (!factor)
      return;
    if (FailureOr<Op> part = toOneHead(rewriter, op); succeeded(part)) {
      rewriter.setInsertionPoint(*part);
      TileForm form;
      if (bf16Pairs && factor->isBF16()) {
        form.inPairs = true;
        form.queries = 64;
        form.keys = 256;
      }
      std::optional<Precision> precision = (*part).getPrecision();
      if (int64_t parts = partsOf(precision); parts > 1) {
        if (splitFactors && takesParts(*part)) {
          form.parts = parts;
          form.queries = 256;
          form.keys = 256;
        } else {
          remarkOnPlainProducts(*part, precision);
        }
      }
      tile(rewriter, *part, *factor, form);
    }
  }
};
} // namespace
