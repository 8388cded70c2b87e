//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/RuntimeChecks.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// The most values that the runtime takes with a message.
static constexpr size_t kMaxValues = 3;

LogicalResult CheckOp::verify() {
  if (getValues().size() > kMaxValues)
    return emitOpError("expected at most 3 values, got ") << getValues().size();
  StringRef rest = getMessage();
  for (size_t at; (at = rest.find('{')) != StringRef::npos;) {
    rest = rest.drop_front(at + 1);
    bool isPlace = rest.size() >= 2 && llvm::isDigit(rest[0]) && rest[1] == '}';
    if (!isPlace || static_cast<size_t>(rest[0] - '0') >= getValues().size())
      return emitOpError("expected {i} with i below ")
             << getValues().size() << " in the message, got '{"
             << rest.take_front(8) << "'";
  }
  return success();
}

void infini_attn::checkCount(OpBuilder &builder, Location loc, Value counts,
                             Value row, OpFoldResult limit, const Twine &name,
                             const Twine &unit) {
  ImplicitLocOpBuilder b(loc, builder);
  auto toValue = [&](OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b, loc, size);
  };
  Value last = arith::IndexCastOp::create(b, b.getI64Type(), toValue(limit));
  Value count = tensor::ExtractOp::create(b, counts, row);
  // A tile has rows of its own: the host's are those of what it cuts.
  while (auto slice = counts.getDefiningOp<tensor::ExtractSliceOp>()) {
    OpFoldResult offset = slice.getMixedOffsets().front();
    if (!isConstantIntValue(offset, 0))
      row = b.createOrFold<arith::AddIOp>(row, toValue(offset));
    counts = slice.getSource();
  }
  // Unsigned: a negative count is a large one.
  Value inside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, count, last);
  std::string message =
      ("expected " + name + " from 0 to {1} " + unit + ", got {0} in row {2}")
          .str();
  CheckOp::create(b, inside, message, ValueRange{count, last, row});
}

void infini_attn::checkCounts(OpBuilder &builder, Location loc, Value counts,
                              OpFoldResult limit, const Twine &name,
                              const Twine &unit) {
  ImplicitLocOpBuilder b(loc, builder);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value rows = getValueOrCreateConstantIndexOp(
      b, loc, tensor::getMixedSize(b, loc, counts, 0));
  auto loop = scf::ForOp::create(b, zero, rows, one);
  b.setInsertionPointToStart(loop.getBody());
  checkCount(b, loc, counts, loop.getInductionVar(), limit, name, unit);
}

Value infini_attn::boundFrequencies(OpBuilder &builder, Location loc,
                                    Value frequencies, OpFoldResult width) {
  ImplicitLocOpBuilder b(loc, builder);
  OpFoldResult pairs = tensor::getMixedSize(b, loc, frequencies, 0);
  if (getConstantIntValue(pairs) && getConstantIntValue(width))
    return frequencies; // verified
  Value have = getValueOrCreateConstantIndexOp(b, loc, pairs);
  Value most =
      arith::DivUIOp::create(b, getValueOrCreateConstantIndexOp(b, loc, width),
                             arith::ConstantIndexOp::create(b, 2));
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, have, most);
  CheckOp::create(b, fits,
                  "expected at most {1} rotary frequencies (Dk / 2), got {0}",
                  ValueRange{have, most});
  Value bounded = arith::MinUIOp::create(b, have, most);
  using Sizes = SmallVector<OpFoldResult>;
  return tensor::ExtractSliceOp::create(
      b, frequencies, Sizes{b.getIndexAttr(0)}, Sizes{bounded},
      Sizes{b.getIndexAttr(1)});
}
