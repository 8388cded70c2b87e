//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TokenDimensions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::infini_attn;

LogicalResult TokenDimensions::mixes(Operation *op, const Twine &got) {
  return op->emitOpError("expected to act on each token alone, got ") << got;
}

LogicalResult TokenDimensions::set(Operation *op, Value value, int64_t dim) {
  auto [it, isNew] = dims.try_emplace(value, dim);
  changed |= isNew;
  if (it->second != dim)
    return mixes(op, "tokens in dimensions " + Twine(it->second) + " and " +
                         Twine(dim) + " of a tensor");
  return success();
}

LogicalResult TokenDimensions::equate(Operation *op, Value lhs, Value rhs) {
  if (std::optional<int64_t> dim = lookup(lhs))
    return set(op, rhs, *dim);
  if (std::optional<int64_t> dim = lookup(rhs))
    return set(op, lhs, *dim);
  return success();
}

//===----------------------------------------------------------------------===//
// Structured operations
//===----------------------------------------------------------------------===//

namespace {
/// A value that an operation accesses by a map of its loops.
struct MappedValue {
  Value value;
  AffineMap map;
  bool isOutput;
};
} // namespace

static SmallVector<MappedValue> mappedValues(linalg::LinalgOp op) {
  SmallVector<MappedValue> values;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isOutput = op.isDpsInit(&operand);
    values.push_back({operand.get(), map, isOutput});
    if (isOutput)
      if (OpResult result = op.getTiedOpResult(&operand))
        values.push_back({result, map, isOutput});
  }
  return values;
}

LogicalResult TokenDimensions::visitLinalg(linalg::LinalgOp op) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  if (llvm::any_of(captured, [&](Value value) { return lookup(value); }))
    return mixes(op, "a look-up among tokens");

  SmallVector<MappedValue> values = mappedValues(op);
  std::optional<unsigned> loop;
  for (const MappedValue &mapped : values) {
    std::optional<int64_t> dim = lookup(mapped.value);
    if (!dim)
      continue;
    auto index = dyn_cast<AffineDimExpr>(mapped.map.getResult(*dim));
    if (!index)
      return mixes(op, "an access to other tokens");
    if (loop && *loop != index.getPosition())
      return mixes(op, "each token with every other");
    loop = index.getPosition();
  }
  if (!loop)
    return success();
  if (op.getIteratorTypesArray()[*loop] == utils::IteratorType::reduction)
    return mixes(op, "a reduction over the token dimension");

  for (const MappedValue &mapped : values) {
    SmallVector<int64_t> positions;
    for (auto [position, expr] : llvm::enumerate(mapped.map.getResults())) {
      if (!expr.isFunctionOfDim(*loop))
        continue;
      if (!isa<AffineDimExpr>(expr))
        return mixes(op, "an access to other tokens");
      positions.push_back(position);
    }
    if (positions.size() > 1)
      return mixes(op, "each token with every other");
    if (positions.empty() && mapped.isOutput)
      return mixes(op, "a result that all tokens share");
    if (!positions.empty() && failed(set(op, mapped.value, positions.front())))
      return failure();
  }

  WalkResult walk = op->walk([&](linalg::IndexOp index) {
    return index.getDim() == *loop ? WalkResult::interrupt()
                                   : WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return mixes(op, "the index of a token");
  return success();
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

LogicalResult TokenDimensions::visitElementwise(Operation *op) {
  SmallVector<Value> tensors;
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()),
                                         SmallVector<Value>(op->getResults())))
    if (isa<RankedTensorType>(value.getType()))
      tensors.push_back(value);
  for (Value value : tensors)
    if (failed(equate(op, tensors.back(), value)))
      return failure();
  return success();
}

LogicalResult
TokenDimensions::visitReshape(Operation *op, Value expanded, Value collapsed,
                              ArrayRef<ReassociationIndices> groups) {
  auto type = cast<RankedTensorType>(expanded.getType());
  std::optional<int64_t> collapsedDim = lookup(collapsed);
  for (auto [index, group] : llvm::enumerate(groups)) {
    int64_t groupDim = index;
    std::optional<int64_t> dim = lookup(expanded);
    if (!dim || !llvm::is_contained(group, *dim)) {
      if (collapsedDim != groupDim)
        continue;
      // The tokens are where the group is not 1.
      dim = group.back();
      for (int64_t member : group)
        if (type.getDimSize(member) != 1)
          dim = member;
    }
    for (int64_t member : group)
      if (member != *dim && type.getDimSize(member) != 1)
        return mixes(op, "a token dimension that is split or merged");
    if (failed(set(op, expanded, *dim)) || failed(set(op, collapsed, groupDim)))
      return failure();
  }
  return success();
}

LogicalResult TokenDimensions::visitSlice(OffsetSizeAndStrideOpInterface op,
                                          Value whole, Value part,
                                          const llvm::SmallBitVector &dropped) {
  // Dimensions of the whole that the part has, in order.
  SmallVector<int64_t> kept;
  for (int64_t dim = 0, e = dropped.size(); dim < e; ++dim)
    if (!dropped.test(dim))
      kept.push_back(dim);
  std::optional<int64_t> dim = lookup(whole);
  if (std::optional<int64_t> partDim = lookup(part))
    dim = kept[*partDim];
  if (!dim)
    return success();

  OpFoldResult size = op.getMixedSizes()[*dim];
  int64_t wholeSize = cast<RankedTensorType>(whole.getType()).getDimSize(*dim);
  bool isAll = getConstantIntValue(size) == wholeSize;
  if (auto value = dyn_cast<Value>(size)) {
    auto count = value.getDefiningOp<tensor::DimOp>();
    isAll |= count && lookup(count.getSource()) &&
             count.getConstantIndex() == lookup(count.getSource());
  }
  auto *place = llvm::find(kept, *dim);
  if (!isAll || place == kept.end() ||
      !isConstantIntValue(op.getMixedOffsets()[*dim], 0) ||
      !isConstantIntValue(op.getMixedStrides()[*dim], 1))
    return mixes(op, "a part of the tokens");
  if (failed(set(op, whole, *dim)))
    return failure();
  return set(op, part, place - kept.begin());
}

LogicalResult TokenDimensions::visitUnknown(Operation *op) {
  auto isToken = [&](Value value) { return lookup(value).has_value(); };
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  if (llvm::any_of(op->getOperands(), isToken) ||
      llvm::any_of(op->getResults(), isToken) ||
      llvm::any_of(captured, isToken))
    return mixes(op, "an operation that is not known to");
  return success();
}

LogicalResult TokenDimensions::checkUsesOfCount(tensor::DimOp op) {
  std::optional<int64_t> dim = lookup(op.getSource());
  if (!dim)
    return success();
  if (!op.getConstantIndex())
    return mixes(op, "the size of a dimension that is not constant");
  if (*op.getConstantIndex() != *dim)
    return success();
  for (Operation *user : op->getUsers()) {
    // Sizes of the tensor that the user makes or cuts, and its token dimension.
    SmallVector<OpFoldResult> sizes;
    std::optional<int64_t> token;
    if (auto empty = dyn_cast<tensor::EmptyOp>(user)) {
      sizes = empty.getMixedSizes();
      token = lookup(empty);
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(user)) {
      sizes = expand.getMixedOutputShape();
      token = lookup(expand);
    } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user)) {
      sizes = slice.getMixedSizes();
      token = lookup(slice.getSource());
    } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(user)) {
      sizes = insert.getMixedSizes();
      token = lookup(insert.getDest());
    }
    int64_t uses = llvm::count(user->getOperands(), op.getResult());
    if (!token || uses != 1 || sizes[*token] != OpFoldResult(op.getResult()))
      return mixes(user, "the number of tokens as a value");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

LogicalResult TokenDimensions::visit(Operation *op) {
  using Result = LogicalResult;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](AttentionOp attention) -> Result {
        for (Value value : {attention.getQ(), attention.getK(),
                            attention.getV(), attention.getInit()})
          if (failed(set(op, value, 2)))
            return failure();
        return set(op, attention.getO(), 2);
      })
      .Case([&](linalg::LinalgOp linalgOp) { return visitLinalg(linalgOp); })
      .Case([&](tensor::CastOp cast) -> Result {
        if (!isa<RankedTensorType>(cast.getSource().getType()) ||
            !isa<RankedTensorType>(cast.getType()))
          return visitUnknown(op);
        return equate(op, cast.getSource(), cast.getResult());
      })
      .Case([&](tensor::ExpandShapeOp expand) {
        return visitReshape(op, expand.getResult(), expand.getSrc(),
                            expand.getReassociationIndices());
      })
      .Case([&](tensor::CollapseShapeOp collapse) {
        return visitReshape(op, collapse.getSrc(), collapse.getResult(),
                            collapse.getReassociationIndices());
      })
      .Case([&](tensor::ExtractSliceOp slice) {
        return visitSlice(slice, slice.getSource(), slice.getResult(),
                          slice.getDroppedDims());
      })
      .Case([&](tensor::InsertSliceOp insert) -> Result {
        if (failed(equate(op, insert.getDest(), insert.getResult())))
          return failure();
        return visitSlice(insert, insert.getDest(), insert.getSource(),
                          insert.getDroppedDims());
      })
      .Case<tensor::EmptyOp, tensor::DimOp, func::ReturnOp>(
          [](auto) { return success(); })
      .Case([&](arith::ConstantOp constant) -> Result {
        if (!lookup(constant))
          return success();
        auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
        if (!splat)
          return mixes(op, "a constant that differs from token to token");
        // A complex one has no scalar constant to fill a tensor with.
        return isa<TypedAttr>(splat.getSplatValue<Attribute>())
                   ? success()
                   : visitUnknown(op);
      })
      .Default([&](Operation *) {
        return OpTrait::hasElementwiseMappableTraits(op) ? visitElementwise(op)
                                                         : visitUnknown(op);
      });
}

LogicalResult TokenDimensions::compute(func::FuncOp function) {
  do {
    changed = false;
    for (Operation &op : function.getBody().front())
      if (failed(visit(&op)))
        return failure();
  } while (changed);
  for (auto op : function.getOps<tensor::DimOp>())
    if (failed(checkUsesOfCount(op)))
      return failure();
  return success();
}
