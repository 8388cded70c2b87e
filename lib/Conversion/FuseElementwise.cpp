//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Fuses elementwise operations where nothing is then computed twice. The
/// upstream pass also moves the producer of a contraction's operand into the
/// contraction, where exp or sin of it would be computed once a term.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Conversion/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNFUSEELEMENTWISE
#include "infini_attn/Conversion/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;

/// Whether the consumer of \p operand would compute each element of its
/// producer exactly once.
static bool computesNothingTwice(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return producer && consumer && producer->hasOneUse() &&
         producer.getNumParallelLoops() == producer.getNumLoops() &&
         consumer.getNumParallelLoops() == consumer.getNumLoops() &&
         consumer.getMatchingIndexingMap(operand).isPermutation() &&
         linalg::areElementwiseOpsFusable(operand);
}

namespace {
struct FuseIntoUser : public OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp consumer,
                                PatternRewriter &rewriter) const override {
    for (OpOperand *operand : consumer.getDpsInputOperands()) {
      if (!computesNothingTwice(operand))
        continue;
      FailureOr<linalg::ElementwiseOpFusionResult> fused =
          linalg::fuseElementwiseOps(rewriter, operand);
      if (failed(fused))
        continue;
      SmallVector<Value> results;
      for (Value result : consumer->getResults())
        results.push_back(fused->replacements.lookup(result));
      rewriter.replaceOp(consumer, results);
      return success();
    }
    return failure();
  }
};

struct FuseElementwise
    : public infini_attn::impl::InfiniAttnFuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseIntoUser>(&getContext());
    // Fusion leaves operands behind that nothing reads.
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  }
};
} // namespace
