//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Lowers linalg operations on buffers to loops over vector registers.
///
//===----------------------------------------------------------------------===//

#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNLINALGTOVECTORLOOPS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
struct LinalgToVectorLoops
    : public cpu::impl::InfiniAttnLinalgToVectorLoopsBase<LinalgToVectorLoops> {
  using InfiniAttnLinalgToVectorLoopsBase::InfiniAttnLinalgToVectorLoopsBase;

  void runOnOperation() override {
    if (failed(cpu::verifyVectorBits(getOperation(), vectorBits)))
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<linalg::LinalgDialect>(op->getDialect()) &&
          !isa<linalg::IndexOp, linalg::YieldOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    // Last to first: a fill is dropped by the operation that starts from it.
    for (Operation *op : llvm::reverse(ops))
      if (!dropped.contains(op) && failed(lower(rewriter, op)))
        return signalPassFailure();
    dropped.clear();
  }

  DenseSet<Operation *> dropped;

  LogicalResult lower(IRRewriter &rewriter, Operation *op) {
    rewriter.setInsertionPoint(op);
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp || !linalgOp.hasPureBufferSemantics())
      return op->emitOpError("expected a structured operation on buffers");
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      FailureOr<linalg::GenericOp> generalized =
          linalg::generalizeNamedOp(rewriter, linalgOp);
      if (failed(generalized))
        return op->emitOpError("expected an operation with a generic form");
      generic = *generalized;
    }
    rewriter.setInsertionPoint(generic);
    if (std::optional<cpu::VectorPlan> plan =
            cpu::planVectorLoops(generic, vectorBits / 32)) {
      cpu::emitVectorLoops(rewriter, generic, *plan);
      for (auto [fill, condition] : llvm::zip(plan->fills, plan->conditions))
        if (fill && dropped.insert(fill).second)
          rewriter.eraseOp(condition ? fill->getParentOp()
                                     : fill.getOperation());
    } else if (linalg::isaContractionOpInterface(
                   cast<linalg::LinalgOp>(generic.getOperation()))) {
      return generic.emitOpError(
                 "expected a product of factors that fit in vectors, got ")
             << getElementTypeOrSelf(generic->getOperand(0)) << " and "
             << getElementTypeOrSelf(generic->getOperand(1));
    } else {
      generic.emitRemark("becomes scalar loops: no vector form");
      if (failed(linalg::linalgOpToLoops(rewriter, generic)))
        return generic.emitOpError("expected an operation that has loops");
    }
    rewriter.eraseOp(generic);
    return success();
  }
};
} // namespace
