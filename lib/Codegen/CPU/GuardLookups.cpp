//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Keeps table look-ups whose index is data inside their table.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNGUARDLOOKUPS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// Whether \p index comes from data rather than from a loop or a constant.
static bool isData(Value index) {
  Operation *def = index.getDefiningOp();
  return def && isa<arith::IndexCastOp, arith::IndexCastUIOp>(def);
}

namespace {
struct GuardLookups
    : public cpu::impl::InfiniAttnGuardLookupsBase<GuardLookups> {
  void runOnOperation() override {
    getOperation()->walk([](tensor::ExtractOp extract) {
      OpBuilder b(extract);
      Location loc = extract.getLoc();
      // The size of the table is the same for every element: taken outside.
      Operation *outside = extract;
      while (auto parent = outside->getParentOfType<linalg::LinalgOp>())
        outside = parent;
      for (OpOperand &operand : extract.getIndicesMutable()) {
        if (!isData(operand.get()))
          continue;
        int64_t dim = operand.getOperandNumber() - 1;
        OpBuilder before(outside);
        Value size =
            tensor::DimOp::create(before, loc, extract.getTensor(), dim);
        Value one = arith::ConstantIndexOp::create(before, loc, 1);
        Value last = arith::SubIOp::create(before, loc, size, one);
        // Unsigned: a negative index is a large one.
        Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                             operand.get(), size);
        cf::AssertOp::create(
            b, loc, inside,
            "expected an index inside of the table it looks up");
        operand.set(arith::MinUIOp::create(b, loc, operand.get(), last));
      }
    });
  }
};
} // namespace
