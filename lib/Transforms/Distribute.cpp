//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Spreads infini_attn operations over batch rows and key/value heads.
///
//===----------------------------------------------------------------------===//

#include "ReplaceEmpty.h"
#include "SizeChecks.h"

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNDISTRIBUTE
#include "infini_attn/Transforms/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

/// Runs \p loop over rows and heads for no row unless \p valid: tiles of
/// operands whose sizes disagree would lie outside of some of them.
static void runOnlyIf(RewriterBase &rewriter, Value valid, scf::ForallOp loop) {
  rewriter.setInsertionPoint(loop);
  Location loc = loop.getLoc();
  SmallVector<OpFoldResult> ends = loop.getMixedUpperBound();
  Value rows = getValueOrCreateConstantIndexOp(rewriter, loc, ends.front());
  Value none = arith::ConstantIndexOp::create(rewriter, loc, 0);
  ends.front() =
      arith::SelectOp::create(rewriter, loc, valid, rows, none).getResult();
  SmallVector<Value> dynamicEnds;
  SmallVector<int64_t> staticEnds;
  dispatchIndexOpFoldResults(ends, dynamicEnds, staticEnds);
  rewriter.modifyOpInPlace(loop, [&] {
    loop.getDynamicUpperBoundMutable().assign(dynamicEnds);
    loop.setStaticUpperBound(staticEnds);
  });
}

namespace {
struct Distribute
    : public infini_attn::impl::InfiniAttnDistributeBase<Distribute> {
  void runOnOperation() override {
    SmallVector<TilingInterface> ops;
    getOperation()->walk([&](TilingInterface op) {
      if (isa<InfiniAttnDialect>(op->getDialect()) &&
          !op->getParentOfType<scf::ForallOp>())
        ops.push_back(op);
    });

    IRRewriter rewriter(&getContext());
    for (TilingInterface op : ops) {
      if (replaceEmpty(rewriter, op))
        continue;
      rewriter.setInsertionPoint(op);
      Value valid = checkSizes(rewriter, op);
      OpFoldResult one = rewriter.getIndexAttr(1);
      auto options = scf::SCFTilingOptions()
                         .setLoopType(scf::SCFTilingOptions::LoopType::ForallOp)
                         .setTileSizes({one, one});
      FailureOr<scf::SCFTilingResult> tiled =
          scf::tileUsingSCF(rewriter, op, options);
      if (failed(tiled)) {
        op->emitOpError("expected to tile over batch rows and heads");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, tiled->replacements);
      if (valid)
        runOnlyIf(rewriter, valid,
                  cast<scf::ForallOp>(tiled->loops.front().getOperation()));
    }
  }
};
} // namespace
