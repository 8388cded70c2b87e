//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileBuilder.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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

OpFoldResult TileBuilder::apply(AffineExpr expr, OpFoldResult operand) {
  return affine::makeComposedFoldedAffineApply(*this, getLoc(), expr, operand);
}

OpFoldResult TileBuilder::ceilDiv(OpFoldResult size, int64_t step) {
  return apply(getAffineDimExpr(0).ceilDiv(step), size);
}

OpFoldResult TileBuilder::floorDiv(OpFoldResult size, int64_t step) {
  return apply(getAffineDimExpr(0).floorDiv(step), size);
}

OpFoldResult TileBuilder::remainder(OpFoldResult size, int64_t step) {
  return apply(getAffineDimExpr(0) % step, size);
}

OpFoldResult TileBuilder::roundedUp(OpFoldResult size, int64_t step) {
  return apply(getAffineDimExpr(0).ceilDiv(step) * step, size);
}

OpFoldResult TileBuilder::roundedDown(OpFoldResult size, int64_t step) {
  return apply(getAffineDimExpr(0).floorDiv(step) * step, size);
}

Value TileBuilder::inZeros(Value room, OpFoldResult rows, OpFoldResult columns,
                           function_ref<Value(Value)> make) {
  Value none =
      arith::ConstantOp::create(*this, getZeroAttr(getElementTypeOrSelf(room)));
  room = linalg::FillOp::create(*this, none, room).getResult(0);
  return insertCorner(make(corner(room, getIndexAttr(0), rows, columns)), room);
}

Value TileBuilder::padded(OpFoldResult rows, OpFoldResult columns, Type element,
                          function_ref<Value(Value)> make) {
  Sizes sizes{roundedUp(rows, kPairTile), roundedUp(columns, kPairTile)};
  Value room = tensor::EmptyOp::create(*this, sizes, element);
  if (sizes[0] == rows && sizes[1] == columns)
    return make(room);
  return inZeros(room, rows, columns, make);
}

bool TileBuilder::hasWholeTiles(Value x) {
  return llvm::all_of(
      cast<RankedTensorType>(x.getType()).getShape(), [](int64_t size) {
        return !ShapedType::isDynamic(size) && size % kPairTile == 0;
      });
}

Value TileBuilder::padded(Value x) {
  if (hasWholeTiles(x))
    return x;
  return padded(size(x, 0), size(x, 1), getElementTypeOrSelf(x),
                [&](Value room) {
                  return generic("mn", {{x, "mn"}}, {room, "mn"},
                                 [](ValueRange args) { return args[0]; });
                });
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

Value TileBuilder::byRows(Value x, int64_t group, ArrayRef<Value> columns,
                          Indexed out, Payload payload) {
  AffineExpr r = getAffineDimExpr(0), c = getAffineDimExpr(1);
  bool isReduction = out.letters == "c";
  Sizes shape{floorDiv(size(x, 0), group), getIndexAttr(group), size(x, 1)};
  auto type = RankedTensorType::get(decomposeMixedValues(shape).first,
                                    getElementTypeOrSelf(x));
  Value groups = tensor::ExpandShapeOp::create(
      *this, type, x, ArrayRef<ReassociationIndices>{{0, 1}, {2}}, shape);
  SmallVector<Value> inputs(group, groups);
  inputs.append(columns.begin(), columns.end());
  SmallVector<AffineMap> maps;
  for (int64_t i = 0; i < group; ++i)
    maps.push_back(
        AffineMap::get(2, 0, {r, getAffineConstantExpr(i), c}, getContext()));
  maps.append(columns.size(), AffineMap::get(2, 0, c));
  maps.push_back(isReduction ? AffineMap::get(2, 0, c)
                             : getMultiDimIdentityMap(2));
  using utils::IteratorType;
  auto op = linalg::GenericOp::create(
      *this, out.value.getType(), inputs, out.value, maps,
      ArrayRef{isReduction ? IteratorType::reduction : IteratorType::parallel,
               IteratorType::parallel},
      [&](OpBuilder &, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToEnd(cast<BlockArgument>(args.front()).getOwner());
        linalg::YieldOp::create(*this, payload(args));
      });
  return op.getResult(0);
}

Value TileBuilder::pairRows(Value x, Value into) {
  OpFoldResult rows = floorDiv(size(x, 0), 2);
  if (!into)
    into =
        tensor::EmptyOp::create(*this, Sizes{rows, size(x, 1)}, getI32Type());
  return byRows(x, 2, {}, {into, "rc"},
                [&](ValueRange args) { return pair(args[0], args[1]); });
}

Value TileBuilder::turnedPairs(Value x, Value into) {
  AffineExpr r = getAffineDimExpr(0), c = getAffineDimExpr(1);
  Sizes shape{size(x, 0), floorDiv(size(x, 1), 2), getIndexAttr(2)};
  auto type = RankedTensorType::get(decomposeMixedValues(shape).first,
                                    getElementTypeOrSelf(x));
  Value pairs = tensor::ExpandShapeOp::create(
      *this, type, x, ArrayRef<ReassociationIndices>{{0}, {1, 2}}, shape);
  SmallVector<AffineMap> maps;
  for (int64_t member : {0, 1})
    maps.push_back(AffineMap::get(2, 0, {c, r, getAffineConstantExpr(member)},
                                  getContext()));
  maps.push_back(getMultiDimIdentityMap(2));
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      *this, into.getType(), ValueRange{pairs, pairs}, into, maps, iterators,
      [&](OpBuilder &, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToEnd(cast<BlockArgument>(args.front()).getOwner());
        linalg::YieldOp::create(*this, pair(args[0], args[1]));
      });
  return op.getResult(0);
}

Value TileBuilder::pair(Value low, Value high) {
  Value halves[] = {low, high};
  for (Value &half : halves) {
    if (!half.getType().isBF16())
      half = arith::TruncFOp::create(*this, getBF16Type(), half);
    half = arith::BitcastOp::create(*this, getI16Type(), half);
    half = arith::ExtUIOp::create(*this, getI32Type(), half);
  }
  return arith::OrIOp::create(*this, halves[0],
                              arith::ShLIOp::create(*this, halves[1], i32(16)));
}

std::pair<Value, Value> TileBuilder::unpair(Value pair) {
  Value low = arith::ShLIOp::create(*this, pair, i32(16)),
        high = arith::AndIOp::create(*this, pair, i32(0xffff0000));
  return {arith::BitcastOp::create(*this, getF32Type(), low),
          arith::BitcastOp::create(*this, getF32Type(), high)};
}

Value TileBuilder::contractPairs(Value x, Value y, Value out) {
  AffineExpr m = getAffineDimExpr(0), n = getAffineDimExpr(1),
             k = getAffineDimExpr(2);
  auto map = [&](AffineExpr row, AffineExpr column) {
    return AffineMap::get(3, 0, {row, column}, getContext());
  };
  using utils::IteratorType;
  auto op = linalg::GenericOp::create(
      *this, out.getType(), ValueRange{x, x, y}, out,
      ArrayRef{map(m, k * 2), map(m, k * 2 + 1), map(k, n), map(m, n)},
      ArrayRef{IteratorType::parallel, IteratorType::parallel,
               IteratorType::reduction},
      [&](OpBuilder &, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToEnd(cast<BlockArgument>(args.front()).getOwner());
        auto [low, high] = unpair(args[2]);
        Value sum = args[3];
        for (auto [left, right] : {std::pair{args[0], low}, {args[1], high}}) {
          Value product = arith::MulFOp::create(*this, widen(left), right);
          sum = arith::AddFOp::create(*this, sum, product);
        }
        linalg::YieldOp::create(*this, sum);
      });
  op->setAttr(InfiniAttnDialect::kPairProductAttr, getUnitAttr());
  return op.getResult(0);
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
