//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Copies of buffers as elementwise operations: they are then vectorized and
/// spread over threads like any other, and need no runtime function.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNCOPIESTOLINALG
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
struct CopiesToLinalg
    : public cpu::impl::InfiniAttnCopiesToLinalgBase<CopiesToLinalg> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    WalkResult result = getOperation()->walk([&](memref::CopyOp copy) {
      auto target = dyn_cast<MemRefType>(copy.getTarget().getType());
      if (!target || !isa<MemRefType>(copy.getSource().getType())) {
        copy.emitError("expected a copy of ranked buffers");
        return WalkResult::interrupt();
      }
      rewriter.setInsertionPoint(copy);
      AffineMap identity = rewriter.getMultiDimIdentityMap(target.getRank());
      SmallVector<utils::IteratorType> iterators(target.getRank(),
                                                 utils::IteratorType::parallel);
      rewriter.replaceOpWithNewOp<linalg::GenericOp>(
          copy, copy.getSource(), copy.getTarget(),
          ArrayRef{identity, identity}, iterators,
          [](OpBuilder &b, Location loc, ValueRange args) {
            linalg::YieldOp::create(b, loc, args[0]);
          });
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
