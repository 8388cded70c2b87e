//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Keeps integer divisions by data from ending the process.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNGUARDDIVISIONS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

static Value compare(ImplicitLocOpBuilder &b, arith::CmpIPredicate predicate,
                     Value value, const APInt &with) {
  Value constant =
      arith::ConstantOp::create(b, b.getIntegerAttr(value.getType(), with));
  return arith::CmpIOp::create(b, predicate, value, constant);
}

/// The outermost operation of linalg around \p op in which \p value is the same
/// for every element, or \p op.
static Operation *hoistedPlace(Operation *op, Value value) {
  for (auto parent = dyn_cast<linalg::LinalgOp>(op->getParentOp());
       parent && !parent->isAncestor(value.getParentRegion()->getParentOp());
       parent = dyn_cast<linalg::LinalgOp>(op->getParentOp()))
    op = parent;
  return op;
}

/// \p holds, or that \p op, of linalg, has no elements to compute.
static Value orEmpty(ImplicitLocOpBuilder &b, Value holds,
                     linalg::LinalgOp op) {
  for (Range range : op.createLoopRanges(b, b.getLoc())) {
    Value size = getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size);
    Value isNone = compare(b, arith::CmpIPredicate::eq, size,
                           APInt(IndexType::kInternalStorageBitWidth, 0));
    holds = arith::OrIOp::create(b, holds, isNone);
  }
  return holds;
}

template <typename Op> static void guard(Op op) {
  constexpr bool isSigned =
      llvm::is_one_of<Op, arith::DivSIOp, arith::RemSIOp, arith::CeilDivSIOp,
                      arith::FloorDivSIOp>::value;
  Type type = op.getType();
  if (!type.isIntOrIndex())
    return; // of scalars, once tensors have become loops
  unsigned width = type.isIndex() ? IndexType::kInternalStorageBitWidth
                                  : type.getIntOrFloatBitWidth();
  APInt known, zero(width, 0);
  bool isKnown = matchPattern(op.getRhs(), m_ConstantInt(&known));
  if (isKnown && !known.isZero() && !(isSigned && known.isAllOnes()))
    return;
  Value divisor = op.getRhs();
  Operation *place = hoistedPlace(op, divisor);
  ImplicitLocOpBuilder before(op.getLoc(), place);
  Value isValid = compare(before, arith::CmpIPredicate::ne, divisor, zero);
  auto loops = dyn_cast<linalg::LinalgOp>(place);
  cf::AssertOp::create(before,
                       loops ? orEmpty(before, isValid, loops) : isValid,
                       "expected a divisor that is not 0, got 0");
  Value one = arith::ConstantOp::create(before, before.getIntegerAttr(type, 1));
  divisor = arith::SelectOp::create(before, isValid, divisor, one);
  if (isSigned) {
    // The quotient of the least number by -1 is itself, as for other integers
    // that wrap around: it is divided by 1.
    ImplicitLocOpBuilder here(op.getLoc(), op);
    Value isLeast = compare(here, arith::CmpIPredicate::eq, op.getLhs(),
                            APInt::getSignedMinValue(width));
    Value isMinusOne = compare(here, arith::CmpIPredicate::eq, divisor,
                               APInt::getAllOnes(width));
    Value wraps = arith::AndIOp::create(here, isLeast, isMinusOne);
    divisor = arith::SelectOp::create(here, wraps, one, divisor);
  }
  op.getRhsMutable().assign(divisor);
}

namespace {
struct GuardDivisions
    : public cpu::impl::InfiniAttnGuardDivisionsBase<GuardDivisions> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      llvm::TypeSwitch<Operation *>(op)
          .Case<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
                arith::CeilDivSIOp, arith::CeilDivUIOp, arith::FloorDivSIOp>(
              [](auto division) { guard(division); });
    });
  }
};
} // namespace
