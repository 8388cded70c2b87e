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
#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNGUARDLOOKUPS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// Whether \p index, into a dimension of \p size, is neither a counter of a
/// loop nor a constant that is known to be inside.
static bool isData(Value index, int64_t size) {
  if (auto arg = dyn_cast<BlockArgument>(index)) {
    auto loop = dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp());
    std::optional<SmallVector<Value>> counters =
        loop ? loop.getLoopInductionVars() : std::nullopt;
    return !counters || !llvm::is_contained(*counters, index);
  }
  std::optional<int64_t> constant = getConstantIntValue(index);
  return !index.getDefiningOp<linalg::IndexOp>() &&
         !(constant && *constant >= 0 && *constant < size);
}

namespace {
/// Guards one look-up. What is the same for every element is computed before
/// the operations of linalg around it.
class Guard {
public:
  explicit Guard(tensor::ExtractOp extract)
      : extract(extract), inside(extract.getLoc(), extract),
        before(extract.getLoc(), outermost(extract)) {}

  void insert();

private:
  static Operation *outermost(tensor::ExtractOp extract) {
    Operation *op = extract;
    Region *home = extract.getTensor().getParentRegion();
    for (auto parent = op->getParentOfType<linalg::LinalgOp>();
         parent && !parent->isAncestor(home->getParentOp());
         parent = op->getParentOfType<linalg::LinalgOp>())
      op = parent;
    return op;
  }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(before, value);
  }
  Value orZeros(ArrayRef<int64_t> dims, ValueRange sizes);

  tensor::ExtractOp extract;
  ImplicitLocOpBuilder inside, before;
};
} // namespace

/// The table, or, where it has nothing along one of \p dims, of \p sizes, a
/// table of zeros with something to read there.
Value Guard::orZeros(ArrayRef<int64_t> dims, ValueRange sizes) {
  Value table = extract.getTensor();
  TypedAttr zeroAttr =
      before.getZeroAttr(getElementTypeOrSelf(table.getType()));
  if (!zeroAttr)
    return table; // of no type that compiled code takes
  auto type = cast<RankedTensorType>(table.getType());
  Value isEmpty;
  for (Value size : sizes) {
    Value isNone = arith::CmpIOp::create(before, arith::CmpIPredicate::eq, size,
                                         constant(0));
    isEmpty = isEmpty ? arith::OrIOp::create(before, isEmpty, isNone) : isNone;
  }
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(before, before.getLoc(), table);
  for (auto [dim, size] : llvm::zip_equal(dims, sizes)) {
    shape[dim] = ShapedType::kDynamic;
    // Nothing is allocated for zeros that nobody reads.
    Value grown = arith::MaxUIOp::create(before, size, constant(1));
    extents[dim] = arith::SelectOp::create(before, isEmpty, grown, constant(0))
                       .getResult();
  }
  SmallVector<Value> open;
  for (auto [extent, size] : llvm::zip_equal(extents, shape))
    if (ShapedType::isDynamic(size))
      open.push_back(cast<Value>(extent));
  auto openType =
      RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
  Value zero = arith::ConstantOp::create(before, zeroAttr);
  Value zeros = tensor::SplatOp::create(before, zero, openType, open);
  if (type != openType)
    table = tensor::CastOp::create(before, openType, table);
  return arith::SelectOp::create(before, isEmpty, zeros, table);
}

void Guard::insert() {
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  SmallVector<int64_t> mayBeEmpty;
  SmallVector<Value> sizes;
  for (OpOperand &operand : extract.getIndicesMutable()) {
    int64_t dim = operand.getOperandNumber() - 1;
    if (!isData(operand.get(), type.getDimSize(dim)))
      continue;
    Value size = tensor::DimOp::create(before, extract.getTensor(), dim);
    Value grown = arith::MaxUIOp::create(before, size, constant(1));
    Value last = arith::SubIOp::create(before, grown, constant(1));
    if (type.getDimSize(dim) <= 0) {
      mayBeEmpty.push_back(dim);
      sizes.push_back(size);
    }
    // Unsigned: a negative index is a large one.
    Value isInside = arith::CmpIOp::create(inside, arith::CmpIPredicate::ult,
                                           operand.get(), size);
    CheckOp::create(
        inside, isInside,
        "expected an index below {1} into the table it looks up, got {0}",
        ValueRange{operand.get(), size});
    operand.set(arith::MinUIOp::create(inside, operand.get(), last));
  }
  if (!mayBeEmpty.empty())
    extract.getTensorMutable().assign(orZeros(mayBeEmpty, sizes));
}

namespace {
struct GuardLookups
    : public cpu::impl::InfiniAttnGuardLookupsBase<GuardLookups> {
  void runOnOperation() override {
    getOperation()->walk(
        [](tensor::ExtractOp extract) { Guard(extract).insert(); });
  }
};
} // namespace
