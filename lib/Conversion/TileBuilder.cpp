//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

TileBuilder::Part TileBuilder::tokensPart(Value x, OpFoldResult head,
                                          OpFoldResult from,
                                          OpFoldResult count) {
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  return {
      {zero, head, from, zero}, {one, one, count, size(x, 3)}, Sizes(4, one)};
}

Value TileBuilder::tokens(Value x, OpFoldResult head, OpFoldResult from,
                          OpFoldResult count) {
  Part part = tokensPart(x, head, from, count);
  // The sizes of 1 that go are the first two, also where another is 1.
  auto type = RankedTensorType::get(
      decomposeMixedValues(ArrayRef(part.sizes).drop_front(2)).first,
      getElementTypeOrSelf(x));
  return tensor::ExtractSliceOp::create(*this, type, x, part.offsets,
                                        part.sizes, part.strides);
}

Value TileBuilder::insertTokens(Value rows, Value x, OpFoldResult head,
                                OpFoldResult from, OpFoldResult count) {
  Part part = tokensPart(x, head, from, count);
  return tensor::InsertSliceOp::create(*this, rows, x, part.offsets, part.sizes,
                                       part.strides);
}

Value TileBuilder::corner(Value x, OpFoldResult from, OpFoldResult rows,
                          OpFoldResult columns) {
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  return tensor::ExtractSliceOp::create(*this, x, Sizes{from, zero},
                                        Sizes{rows, columns}, Sizes{one, one});
}

Value TileBuilder::insertCorner(Value part, Value x) {
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  return tensor::InsertSliceOp::create(
      *this, part, x, Sizes{zero, zero},
      tensor::getMixedSizes(*this, getLoc(), part), Sizes{one, one});
}

Value TileBuilder::reduced(Value x, int64_t rank) {
  auto type = cast<RankedTensorType>(x.getType());
  Sizes sizes = tensor::getMixedSizes(*this, getLoc(), x);
  auto reducedType = RankedTensorType::get(type.getShape().take_back(rank),
                                           type.getElementType());
  return tensor::ExtractSliceOp::create(
      *this, reducedType, x, Sizes(sizes.size(), getIndexAttr(0)), sizes,
      Sizes(sizes.size(), getIndexAttr(1)));
}

SmallVector<Value>
TileBuilder::loop(Value from, Value to, int64_t step, ValueRange carried,
                  function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step), carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(*this,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResults();
}
