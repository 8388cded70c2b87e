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

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNDISTRIBUTE
#include "infini_attn/Transforms/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

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
      rewriter.setInsertionPoint(op);
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
    }
  }
};
} // namespace
