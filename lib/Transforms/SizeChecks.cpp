//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Relations between sizes that only run time can tell.
///
//===----------------------------------------------------------------------===//

#include "SizeChecks.h"

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Dialect/OperandShapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
class SizeChecks {
public:
  SizeChecks(OpBuilder &builder, Location loc) : b(loc, builder) {}

  /// The size of \p letter is \p extent, as \p source has it.
  void size(StringRef letter, OpFoldResult extent, StringRef source);
  void shape(const OperandShape &operand);
  /// Hq is a multiple of Hkv.
  void groups();
  Value result() const { return all; }

private:
  struct Size {
    OpFoldResult extent;
    StringRef source;
  };
  Value toValue(OpFoldResult extent) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), extent);
  }
  void expect(arith::CmpIPredicate predicate, Value lhs, Value rhs,
              const Twine &message) {
    Value holds = arith::CmpIOp::create(b, predicate, lhs, rhs);
    cf::AssertOp::create(b, holds, b.getStringAttr("expected " + message));
    all = all ? arith::AndIOp::create(b, all, holds).getResult() : holds;
  }

  ImplicitLocOpBuilder b;
  llvm::StringMap<Size> sizes;
  Value all;
};
} // namespace

void SizeChecks::size(StringRef letter, OpFoldResult extent, StringRef source) {
  auto [it, isNew] = sizes.try_emplace(letter, Size{extent, source});
  const Size &known = it->second;
  bool isStatic = getConstantIntValue(extent).has_value();
  if (isNew) {
    if (!isStatic && (letter.starts_with("H") || letter.starts_with("D")))
      expect(arith::CmpIPredicate::ne, toValue(extent),
             toValue(b.getIndexAttr(0)),
             letter + " of " + source + " >= 1, got 0");
    return;
  }
  if ((isStatic && getConstantIntValue(known.extent)) || extent == known.extent)
    return;
  expect(arith::CmpIPredicate::eq, toValue(extent), toValue(known.extent),
         letter + " of " + source + " to be as in " + known.source);
}

void SizeChecks::shape(const OperandShape &operand) {
  if (!operand.value)
    return;
  SmallVector<StringRef> letters;
  operand.shape.split(letters, " x ");
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, b.getLoc(), operand.value);
  for (auto [letter, extent] : llvm::zip_equal(letters, extents))
    size(letter, extent, operand.name);
}

void SizeChecks::groups() {
  auto hq = sizes.find("Hq"), hkv = sizes.find("Hkv");
  if (hq == sizes.end() || hkv == sizes.end())
    return;
  OpFoldResult queries = hq->second.extent, keys = hkv->second.extent;
  if (getConstantIntValue(queries) && getConstantIntValue(keys))
    return;
  // Where Hkv is 0, which is reported, there is no remainder.
  Value one = toValue(b.getIndexAttr(1));
  Value divisor = arith::MaxUIOp::create(b, toValue(keys), one);
  Value rest = arith::RemUIOp::create(b, toValue(queries), divisor);
  expect(arith::CmpIPredicate::eq, rest, toValue(b.getIndexAttr(0)),
         "Hq to be a multiple of Hkv");
}

Value infini_attn::checkSizes(OpBuilder &builder, Operation *op) {
  SizeChecks checks(builder, op->getLoc());
  if (auto step = dyn_cast<AttentionStepOp>(op))
    checks.size("N", builder.getIndexAttr(step.getSegmentLength()),
                "segment_length");
  for (const OperandShape &operand : operandShapes(op))
    checks.shape(operand);
  checks.groups();
  return checks.result();
}
