//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Gives each result of a function a buffer of its own.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNSEPARATERESULTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// Copies each operand of \p ret that may lie in the buffer of one before it.
static void separate(func::ReturnOp ret, BufferViewFlowAnalysis &views) {
  OpBuilder b(ret);
  Region *body = ret->getParentRegion();
  SmallPtrSet<Value, 16> taken;
  for (OpOperand &operand : ret->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    SmallPtrSet<Value, 16> sources = views.resolveReverse(operand.get());
    // The caller's buffers are copied by bufferization where they are returned.
    for (Value argument : body->getArguments())
      sources.erase(argument);
    if (llvm::any_of(sources, [&](Value v) { return taken.contains(v); }))
      operand.set(
          bufferization::CloneOp::create(b, ret.getLoc(), operand.get()));
    else
      taken.insert_range(sources);
  }
}

namespace {
struct SeparateResults
    : public cpu::impl::InfiniAttnSeparateResultsBase<SeparateResults> {
  void runOnOperation() override {
    BufferViewFlowAnalysis views(getOperation());
    getOperation().walk([&](func::ReturnOp ret) { separate(ret, views); });
  }
};
} // namespace
