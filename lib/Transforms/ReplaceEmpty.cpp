//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReplaceEmpty.h"

#include "SizeChecks.h"

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::infini_attn;

static bool isEmptyAlong(Value tensor, int64_t dim) {
  return cast<RankedTensorType>(tensor.getType()).getDimSize(dim) == 0;
}

/// Whether there is no batch row: the dimension 0 of all but vectors.
static bool hasNoRows(Operation *op) {
  return llvm::any_of(op->getOperands(), [](Value operand) {
    return cast<RankedTensorType>(operand.getType()).getRank() > 1 &&
           isEmptyAlong(operand, 0);
  });
}

/// The tensors of `B x heads x tokens x width` whose tokens \p op runs over.
static SmallVector<Value> activationsOf(Operation *op) {
  using Values = SmallVector<Value>;
  return llvm::TypeSwitch<Operation *, Values>(op)
      .Case<SegmentAttentionOp>([](auto attention) {
        return Values{attention.getQ(), attention.getK(), attention.getV()};
      })
      .Case<MemoryRetrieveOp>(
          [](auto retrieve) { return Values{retrieve.getQ()}; })
      .Case<MemoryUpdateOp, MemoryScanOp>(
          [](auto update) { return Values{update.getK(), update.getV()}; })
      .Case<GateOp>(
          [](auto gate) { return Values{gate.getAMem(), gate.getADot()}; })
      .Case<SegmentOp, AttentionOp, AttentionStepOp>([](auto whole) {
        return Values{whole.getQ(), whole.getK(), whole.getV(),
                      whole.getInit()};
      })
      .Default(Values());
}

/// The tokens that lengths count, and what else is counted.
static void checkAllCounts(OpBuilder &b, Operation *op) {
  Location loc = op->getLoc();
  auto tokens = [&](Value tensor) {
    return tensor::getMixedSize(b, loc, tensor, 2);
  };
  auto check = [&](Value counts, OpFoldResult limit, StringRef name,
                   StringRef unit) {
    if (counts)
      checkCounts(b, loc, counts, limit, name, unit);
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case<SegmentAttentionOp>([&](auto attention) {
        OpFoldResult keys = tokens(attention.getK());
        check(attention.getLengths(), keys, "lengths", "keys");
        check(attention.getQueryOffset(), keys, "query_offset", "keys");
      })
      .Case<MemoryRetrieveOp>([&](auto retrieve) {
        check(retrieve.getLengths(), tokens(retrieve.getQ()), "lengths",
              "tokens");
      })
      .Case<AttentionStepOp>([&](auto step) {
        check(step.getLengths(), tokens(step.getK()), "lengths", "tokens");
        check(step.getCount(), b.getIndexAttr(step.getSegmentLength() - 1),
              "count", "tokens");
      })
      .Case<MemoryUpdateOp, SegmentOp, AttentionOp, MemoryScanOp>(
          [&](auto other) {
            check(other.getLengths(), tokens(other.getK()), "lengths",
                  "tokens");
          });
}

/// A tensor for \p result, filled with \p value.
static Value filled(OpBuilder &b, Value result, ArrayRef<OpFoldResult> sizes,
                    double value) {
  Location loc = result.getLoc();
  auto type = cast<RankedTensorType>(result.getType());
  Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  Value element = arith::ConstantOp::create(
      b, loc, b.getFloatAttr(type.getElementType(), value));
  Value tensor = linalg::FillOp::create(b, loc, element, empty).getResult(0);
  return tensor.getType() == type
             ? tensor
             : tensor::CastOp::create(b, loc, type, tensor).getResult();
}

bool infini_attn::replaceEmpty(RewriterBase &rewriter, Operation *op) {
  bool hasNoTokens = llvm::any_of(activationsOf(op),
                                  [](Value x) { return isEmptyAlong(x, 2); });
  if (!hasNoRows(op) && !hasNoTokens)
    return false;
  rewriter.setInsertionPoint(op);
  checkSizes(rewriter, op);
  checkAllCounts(rewriter, op);
  if (auto inits = dyn_cast<DestinationStyleOpInterface>(op)) {
    rewriter.replaceOp(op, inits.getDpsInits());
    return true;
  }
  ReifiedRankedShapedTypeDims shapes;
  if (failed(reifyResultShapes(rewriter, op, shapes)))
    return false;
  SmallVector<Value> results;
  for (auto [result, sizes] : llvm::zip_equal(op->getResults(), shapes))
    results.push_back(filled(rewriter, result, sizes, 0));
  if (auto scan = dyn_cast<MemoryScanOp>(op)) {
    results[2] = scan.getMemory();
    results[3] = scan.getNormalizer();
  }
  // The logarithm of a sum over no key.
  if (auto attention = dyn_cast<SegmentAttentionOp>(op);
      attention && attention.getReturnLse())
    results[1] = filled(rewriter, attention.getLse(), shapes[1],
                        -std::numeric_limits<double>::infinity());
  rewriter.replaceOp(op, results);
  return true;
}
